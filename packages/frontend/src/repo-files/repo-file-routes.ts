import { listAliases } from '@copr/domain/chroots/chroot-aliases'
import {
  isServed,
  listProjectChroots,
  type ProjectChroot,
} from '@copr/domain/projects/project-chroots'
import { findProject, listProjectDirs, type Project } from '@copr/domain/projects/project-queries'
import { runtimeDependencies } from '@copr/domain/projects/runtime-dependencies'
import { type Context, Hono } from 'hono'
import { type Frontend, resultsUrl } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { chooseChroot, hasMultilib } from './choose-chroot.ts'
import { renderRepoFile } from './repo-file.ts'
import { hubHost, ownerInIds } from './repo-ids.ts'

/** Serves `.repo` files; dnf requests those of groups at `/coprs/@group/…`, and pages link to `/coprs/g/group/…`. */
export function repoFileRoutes(frontend: Frontend): Hono {
  const { db, config, now } = frontend
  const app = new Hono({ strict: false })
  for (const end of ['', '/:file']) {
    app.get(`/coprs/g/:group/:dirname/repo/:name_release${end}`, (c) =>
      respond(c, `@${pathPart(c, 'group')}`),
    )
    app.get(`/coprs/:owner/:dirname/repo/:name_release${end}`, (c) =>
      respond(c, pathPart(c, 'owner')),
    )
  }

  async function respond(c: Context, ownername: string): Promise<Response> {
    const dirname = pathPart(c, 'dirname')
    const project = await findProject(db, ownername, dirname.split(':')[0] ?? '')
    const dirs = project ? await listProjectDirs(db, project.id) : []
    // Without the header `Copr-Error-Data`, as here, DNF 4 reports that the project does not exist.
    if (!project || !dirs.some(({ name }) => name === dirname))
      return c.text(`Project ${ownername}/${dirname} does not exist\n`, 404)
    const all = await listProjectChroots(db, [project.id])
    const chroots = all.filter((each) => isServed(each, now()))
    const arch = c.req.query('arch') || undefined
    const chroot = chooseChroot(chroots, {
      name_release: pathPart(c, 'name_release'),
      arch,
      aliases: new Map((await listAliases(db)).map((each) => [each.name_release, each.target])),
    })
    if (!chroot) return noChroot(c, chroots)
    c.header('Content-Disposition', fileNamed(`${ownerInIds(ownername)}-${dirname}.repo`))
    c.header('Cache-Control', 'max-age=60')
    return c.text(await render(project, { dirname, chroot, chroots, arch }))
  }

  async function render(
    project: Project,
    wanted: {
      dirname: string
      chroot: ProjectChroot
      chroots: ProjectChroot[]
      arch: string | undefined
    },
  ): Promise<string> {
    const { dirname, chroot, chroots, arch } = wanted
    return renderRepoFile({
      project,
      dirname,
      chroot,
      multilib: arch !== undefined && project.multilib && hasMultilib(chroot, chroots),
      dependencies: await runtimeDependencies(db, project),
      host: hubHost(config),
      results_url: resultsUrl(config),
      repo_gpgcheck: config.repo_gpgcheck,
    })
  }
  return app
}

/**
 * Returns the header with the name of a downloaded file. A name that is not plain ASCII is percent-encoded. Source: RFC 6266 section 4.3.
 */
function fileNamed(name: string): string {
  return /[^\x20-\x7e]/.test(name)
    ? `attachment; filename*=UTF-8''${encodeURIComponent(name)}`
    : `filename=${name}`
}

/** Responds with 404; DNF 4 reads the available chroots from the header. */
function noChroot(c: Context, chroots: ProjectChroot[]): Response {
  const names = chroots.map(({ name }) => name)
  const data = Buffer.from(JSON.stringify({ 'available chroots': names })).toString('base64')
  c.header('Copr-Error-Data', data)
  return c.text(`No such chroot; available: ${names.join(', ')}\n`, 404)
}
