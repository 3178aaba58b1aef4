import { batchIdOf } from '@copr/domain/builds/batches'
import { builtPackages, runningPhases } from '@copr/domain/builds/build-queries'
import { cancelBuild, deleteBuilds } from '@copr/domain/builds/cancel'
import { chainIdOf } from '@copr/domain/chains/chains'
import { whyWaiting } from '@copr/domain/queue/why-waiting'
import { replacementsOf } from '@copr/domain/repositories/publishing'
import { rightsIn } from '@copr/domain/projects/project-access'
import { Hono } from 'hono'
import { requireBuild } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { buildView } from './build-view.ts'
import { paths } from '../pages/paths.ts'
import { projectFrame } from '../projects/project-frame.ts'
import { buildPagesOf } from './on-build.ts'

export function buildPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const { get, post } = buildPagesOf(app, frontend)

  // copr-cli prints this URL for each build.
  app.get('/coprs/build/:id{[0-9]+}', async (c) =>
    c.redirect(paths.build(await requireBuild(db, Number(pathPart(c, 'id')))), 302),
  )

  get('/build/:id{[0-9]+}', 'anyone', async (c, { view, project, build, ownername }) => {
    if (build.ownername !== ownername || build.projectname !== pathPart(c, 'project'))
      return c.redirect(paths.build(build), 302)
    const content = buildView(view, {
      build,
      project,
      rights: await rightsIn(db, view.user, project),
      phases: build.finished_at ? [] : await runningPhases(db, build.id),
      packages: await builtPackages(db, build.id),
      replacements: build.finished_at ? await replacementsOf(db, build.id) : new Map(),
      batch_id: await batchIdOf(db, build.id),
      chain_id: await chainIdOf(db, build.id),
      steps: build.finished_at
        ? []
        : await whyWaiting(db, build.id, { limits: frontend.config.limits, now: now() }),
      max_attempts: frontend.config.limits.max_attempts,
    })
    const trail: [string, string?][] = [['Builds', paths.builds(project)], [String(build.id)]]
    const title = `Build ${build.id}`
    return await c.html(projectFrame(view, project, { tab: 'builds', title, content, trail }))
  })

  post('/cancel_build/:id{[0-9]+}', 'cancel', async (c, { view, build }) => {
    await cancelBuild(db, view.user, build.id, now())
    return c.redirect(paths.build(build), 303)
  })

  post('/delete_build/:id{[0-9]+}', 'delete', async (c, { view, project, build }) => {
    await deleteBuilds(db, view.user, [build.id], now())
    return c.redirect(paths.builds(project), 303)
  })
  return app
}
