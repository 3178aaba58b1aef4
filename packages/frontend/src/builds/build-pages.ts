import { batchIdOf } from '@copr/domain/builds/batches'
import { builtPackages, runningPhases } from '@copr/domain/builds/build-queries'
import { cancelBuild, deleteBuilds } from '@copr/domain/builds/cancel'
import { whyWaiting } from '@copr/domain/queue/why-waiting'
import { requireRight, rightsIn } from '@copr/domain/projects/project-access'
import { CoprError } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { projectOfBuild, requireBuild } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { readForm } from '../http/read-form.ts'
import { buildView } from './build-view.ts'
import { paths } from '../pages/paths.ts'
import { onProject, projectFrame } from '../projects/project-frame.ts'
import { checkCsrf, userView, viewOf } from '../pages/view.ts'

export function buildPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const find = (c: Context) => requireBuild(db, Number(pathPart(c, 'id')))

  // copr-cli prints this URL for each build.
  app.get('/coprs/build/:id{[0-9]+}', async (c) => c.redirect(paths.build(await find(c)), 302))

  onProject(app, 'get', '/build/:id{[0-9]+}', async (c, ownername) => {
    const view = await viewOf(c, frontend)
    const build = await find(c)
    if (build.ownername !== ownername || build.projectname !== pathPart(c, 'project'))
      return c.redirect(paths.build(build), 302)
    const project = await projectOfBuild(db, build)
    const content = buildView(view, {
      build,
      project,
      rights: await rightsIn(db, view.user, project),
      phases: build.finished_at ? [] : await runningPhases(db, build.id),
      packages: await builtPackages(db, build.id),
      batch_id: await batchIdOf(db, build.id),
      steps: build.finished_at
        ? []
        : await whyWaiting(db, build.id, { limits: frontend.config.limits, now: now() }),
      max_attempts: frontend.config.limits.max_attempts,
    })
    const trail: [string, string?][] = [['Builds', paths.builds(project)], [String(build.id)]]
    const title = `Build ${build.id}`
    return await c.html(projectFrame(view, project, { tab: 'builds', title, content, trail }))
  })

  onProject(app, 'post', '/cancel_build/:id{[0-9]+}', async (c) => {
    const view = await userView(c, frontend)
    checkCsrf(c, await readForm(c))
    const build = await find(c)
    await requireRight(db, view.user, await projectOfBuild(db, build), 'build')
    await cancelBuild(db, view.user, build.id, now())
    return c.redirect(paths.build(build), 303)
  })

  onProject(app, 'post', '/delete_build/:id{[0-9]+}', async (c) => {
    const view = await userView(c, frontend)
    checkCsrf(c, await readForm(c))
    const build = await find(c)
    const project = await projectOfBuild(db, build)
    if (project.persistent || !(await rightsIn(db, view.user, project)).edit)
      throw new CoprError('forbidden', `You cannot delete build ${build.id}`)
    await deleteBuilds(db, view.user, [build.id], now())
    return c.redirect(paths.builds(project), 303)
  })
  return app
}
