import type { RepoAnswer } from '@copr/contract/api/chroots'
import { SOURCE_TYPE_NUMBER, type SourceType } from '@copr/contract/states'
import { listActiveChroots } from '@copr/domain/chroots/chroot-queries'
import type { Build } from '@copr/domain/builds/build-queries'
import { conditionName, mockRootSettings, moduleToggles } from '@copr/domain/projects/build-options'
import { loadBuildRepos } from '@copr/domain/projects/build-repos'
import {
  findProjectChroot,
  isOffered,
  listEnabledChroots,
} from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import { sandboxOf } from '@copr/domain/queue/insert-task'
import { CoprError, STATUS_OF } from '@copr/process/errors'
import { type Context, Hono } from 'hono'
import { projectOfBuild, requireBuild } from '../api/find-or-404.ts'
import { type Frontend, resultsUrl } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { presentBootstrap, presentRepos } from '../repo-files/present-repos.ts'
import { MEMORY_LIMIT } from './present-build.ts'
import { builderNames } from './source-routes.ts'

/** The version of Copr's backend protocol that these responses follow; Copr's own backend refuses lower ones. */
const PROTOCOL_VERSION = '9'

/**
 * Describes builds to `copr-rpmbuild --task-url` and `--build-id`, which repeat a build on a user's machine. The responses contain
 * only data that the API shows to everybody.
 */
export function builderTaskRoutes(frontend: Frontend): Hono {
  const { db, config } = frontend
  const app = new Hono({ strict: false })

  app.get('/backend/get-build-task/:task_id{[0-9]+-[^/]+}', (c) => {
    const [, build_id, name = ''] = /^(\d+)-(.+)$/.exec(pathPart(c, 'task_id')) ?? []
    return respond(c, Number(build_id), async (build, project) => {
      const built = build.chroots.find((each) => each.name === name)
      if (!built)
        throw new CoprError('not_found', `Build ${build.id} was not submitted to ${name} chroot`)
      const chroot = await findProjectChroot(db, project.id, name)
      if (!chroot || !isOffered(chroot)) return null
      const { dirname } = build
      const results_url = resultsUrl(config)
      const repos = await loadBuildRepos(db, { project, dirname, chroot, results_url })
      const { isolation, ...root } = mockRootSettings({ build, chroot, project })
      const toggle = moduleToggles(chroot.additional_modules).map(({ action, module }) => ({
        [action]: module,
      }))
      const path = `${project.ownername}/${dirname}/${build.package_name}`
      return {
        ...shortRecord(build, project),
        task_id: `${build.id}-${name}`,
        chroot: name,
        tags: [...(await tagsOf(name)), ...chroot.build_tags],
        allow_user_ssh: false,
        project_name: project.name,
        project_dirname: dirname,
        submitter: build.submitter,
        repos: withoutNulls(presentRepos(repos)),
        buildroot_pkgs: chroot.additional_packages,
        with_opts: chroot.with_opts.map(conditionName),
        without_opts: chroot.without_opts.map(conditionName),
        ...(toggle.length > 0 && { modules: { toggle } }),
        memory_reqs: MEMORY_LIMIT,
        timeout: build.timeout_seconds,
        enable_net: build.enable_net ?? project.enable_net,
        git_repo: `${config.public_url}/git/${path}`,
        git_hash: built.git_commit,
        package_name: build.package_name,
        package_version: build.package_version,
        uses_devel_repo: project.devel_mode,
        isolation,
        ...presentBootstrap(root),
        fedora_review: project.fedora_review,
        appstream: project.appstream,
        repo_priority: project.repo_priority,
        ssh_public_keys: null,
        storage: 0,
      }
    })
  })

  app.get('/backend/get-srpm-build-task/:build_id{[0-9]+}', (c) =>
    respond(c, Number(pathPart(c, 'build_id')), async (build, project) => {
      const { source_type, source_json } = build
      const ofScript = source_type === 'custom' ? source_json['chroot'] : null
      const chroot = typeof ofScript === 'string' ? ofScript : null
      const enabled = await listEnabledChroots(db, project.id)
      return {
        ...shortRecord(build, project),
        task_id: String(build.id),
        chroot,
        source_type: SOURCE_TYPE_NUMBER[source_type as SourceType],
        source_json: JSON.stringify(builderNames(source_json)),
        submitter: build.submitter,
        project_name: project.name,
        project_dirname: build.dirname,
        package_name: build.package_name,
        appstream: project.appstream,
        repos: chroot === null ? [] : await sourceRepos(build, project, chroot),
        distributions_in_project: distributionsOf(enabled),
        distributions_in_build: distributionsOf(build.chroots),
      }
    }),
  )

  /** The tags that every builder of a chroot must offer. */
  async function tagsOf(name: string): Promise<string[]> {
    return (await listActiveChroots(db)).find((each) => each.name === name)?.config.tags ?? []
  }

  /** The repositories that the script of a custom source may install packages from. */
  async function sourceRepos({ source_json, dirname }: Build, project: Project, name: string) {
    const text = source_json['repos']
    const additional_repos = typeof text === 'string' ? text.split(/\s+/).filter(Boolean) : []
    if (additional_repos.length === 0) return []
    const none = { ...project, additional_repos: [] }
    const chroot = { name, additional_repos }
    const results_url = resultsUrl(config)
    const input = await loadBuildRepos(db, { project: none, dirname, chroot, results_url })
    return withoutNulls(presentRepos(input)).slice(-additional_repos.length)
  }

  async function respond(
    c: Context,
    build_id: number,
    describe: (build: Build, project: Project) => Promise<object | null>,
  ): Promise<Response> {
    c.header('Copr-FE-BE-API-Version', PROTOCOL_VERSION)
    try {
      const build = await requireBuild(db, build_id)
      return c.json(await describe(build, await projectOfBuild(db, build)))
    } catch (error) {
      if (!(error instanceof CoprError)) throw error
      return c.json({ msg: error.message }, STATUS_OF[error.kind])
    }
  }

  return app
}

function shortRecord({ id, submitter, is_background }: Build, { ownername, name }: Project) {
  return {
    build_id: id,
    project_owner: ownername,
    sandbox: sandboxOf({ ownername, name, username: submitter }),
    background: is_background,
  }
}

/**
 * Leaves out the options that are not set, because copr-rpmbuild copies `module_hotfixes` into dnf's configuration whenever the key is
 * present.
 */
function withoutNulls(repos: RepoAnswer[]): Partial<RepoAnswer>[] {
  return repos.map((repo) =>
    Object.fromEntries(Object.entries(repo).filter(([, value]) => value !== null)),
  )
}

/** Returns the chroots' names without the architecture. */
function distributionsOf(chroots: { name: string }[]): string[] {
  return [...new Set(chroots.map(({ name }) => name.replace(/-[^-]+$/, '')))].toSorted()
}
