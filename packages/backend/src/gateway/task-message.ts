import { type ReviewTool, RpmTask, SourceTask, type Task } from '@copr/contract/builder-protocol'
import { sourceChroot } from '@copr/domain/builds/source-chroot'
import { conditionName, mockRootSettings, moduleToggles } from '@copr/domain/projects/build-options'
import { loadBuildRepos, reposForBuild, reposForScript } from '@copr/domain/projects/build-repos'
import type { TaskRow } from '@copr/domain/queue/leases'
import { srpmLimits } from '@copr/domain/quotas/quota-limits'
import {
  branchesToImport,
  loadTaskContext,
  type TaskContext,
} from '@copr/domain/queue/task-context'
import type { Backend } from '../context.ts'
import { sourceCredentials } from './source-credentials.ts'

type Messenger = Pick<Backend, 'db' | 'config' | 'keygen'>

/** Returns the message that describes a task to its agent. */
export async function taskMessage(backend: Messenger, task: TaskRow): Promise<Task> {
  const facts = await loadTaskContext(backend.db, task)
  const base = {
    task_id: task.task_id,
    build_id: task.build_id,
    owner: facts.project.ownername,
    project: facts.project.name,
    dirname: facts.dirname,
    sandbox: task.sandbox,
    submitter: facts.submitter,
    timeout_seconds: facts.build.timeout_seconds,
  }
  const { max_log_bytes, max_disk_bytes, max_result_bytes } = backend.config.limits
  const ofSrpm = () => srpmLimits(backend.db, facts.project, backend.config.limits)
  switch (task.kind) {
    case 'source':
      return SourceTask.parse({
        ...base,
        kind: 'source',
        source: sourceOf(facts, backend.config),
        root: await rootOf(backend, facts, task.arch),
        package_name: facts.package_name,
        credentials: await sourceCredentials(backend, facts),
        limits: {
          max_srpm_bytes: (await ofSrpm()).upload_bytes,
          max_log_bytes,
          max_disk_bytes,
        },
      })
    case 'import':
      return {
        ...base,
        kind: 'import',
        package_name: packageOf(facts),
        branches: await branchesToImport(backend.db, task.build_id),
        limits: { max_unpacked_bytes: (await ofSrpm()).unpacked_bytes },
      }
    case 'rpm':
      return RpmTask.parse({
        ...base,
        ...(await rpmTask(backend, facts)),
        limits: { max_log_bytes, max_disk_bytes, max_result_bytes },
      })
    case 'publish':
      throw new Error(`Task ${task.task_id} publishes a build: agents do not run such tasks`)
  }
}

/** Returns the source as the builder reads it, with the settings of its index or dist-git, which the administrator may change. */
function sourceOf(
  { build: { source_type, source_json } }: TaskContext,
  { sources: { pypi_index, gem_index }, distgit_instances }: Messenger['config'],
) {
  switch (source_type) {
    case 'link':
      return { type: source_type, url: source_json['url'] }
    case 'upload':
      return { type: source_type, file_name: source_json['pkg'] }
    case 'pypi':
      return { type: source_type, settings: { ...source_json, index_url: pypi_index } }
    case 'rubygems':
      return { type: source_type, settings: { ...source_json, index_url: gem_index } }
    case 'distgit': {
      const layout = distgit_instances.find(({ name }) => name === source_json['distgit'])
      return { type: source_type, settings: { ...source_json, layout } }
    }
    default:
      return { type: source_type, settings: source_json }
  }
}

/** Returns the buildroot in which the SRPM is made; undefined if the source is already an SRPM. */
async function rootOf(
  { db, config }: Pick<Messenger, 'db' | 'config'>,
  facts: TaskContext,
  arch: string | null,
) {
  const { source_type, source_json } = facts.build
  const chroot = await sourceChroot(db, facts.build, arch)
  if (!chroot) return undefined
  const urls = source_type === 'custom' ? wordsOf(source_json['repos']) : []
  const place = { chroot: chroot.name, results_url: resultsUrlOf(config) }
  const repos = await reposForScript(db, urls, place)
  return { chroot: chroot.config, repos, macros: macrosOf(facts) }
}

function wordsOf(value: unknown): string[] {
  return typeof value === 'string' ? value.split(/\s+/).filter((word) => word !== '') : []
}

function internalUrlOf({ internal_url, public_url }: Messenger['config']): string {
  return internal_url ?? public_url
}

/** Returns the URL at which builders reach the results. */
function resultsUrlOf(config: Messenger['config']): string {
  const own = config.internal_url ? undefined : config.results_url
  return own ?? `${internalUrlOf(config)}/results`
}

async function rpmTask({ db, config }: Pick<Messenger, 'db' | 'config'>, facts: TaskContext) {
  const { build, project, dirname, build_chroot: chroot } = facts
  if (!chroot) throw new Error(`The task of build ${build.id} has no build chroot`)
  const base_url = internalUrlOf(config)
  const results_url = resultsUrlOf(config)
  const public_url = config.results_url ?? `${config.public_url}/results`
  const repos = reposForBuild(await loadBuildRepos(db, { project, dirname, chroot, results_url }))
  const package_name = packageOf(facts)
  const path = `${project.ownername}/${dirname}/${package_name}`
  return {
    kind: 'rpm',
    package_name,
    package_version: build.package_version,
    chroot: chroot.config,
    repos,
    buildroot_packages: chroot.additional_packages,
    with_opts: chroot.with_opts.map(conditionName),
    without_opts: chroot.without_opts.map(conditionName),
    modules: moduleToggles(chroot.additional_modules),
    reviews: reviewsOf(project, chroot.name),
    enable_net: build.enable_net ?? project.enable_net,
    ...mockRootSettings({ build, chroot, project }),
    macros: {
      ...macrosOf(facts),
      // As in Copr, rpmbuild may download the sources of a spec only with encrypted protocols, unless the user uploaded the SRPM.
      ...(build.source_type !== 'upload' && {
        __urlhelper_localopts: '--proto -all,+https,+ftps',
      }),
    },
    ...(results_url !== public_url && { results: { url: results_url, public_url } }),
    ...(build.chain_id !== null && { in_chain: true }),
    git_url: `${base_url}/git/${path}`,
    git_commit: chroot.git_commit,
    lookaside_url: `${base_url}/lookaside/${path}`,
  }
}

/** Returns the tools that check the packages. As in Copr, fedora-review checks only packages for Fedora. */
function reviewsOf(
  { rpmlint, fedora_review }: { rpmlint: boolean; fedora_review: boolean },
  chroot: string,
): ReviewTool[] {
  const isReviewed = fedora_review && chroot.startsWith('fedora-')
  return [
    ...(rpmlint ? ['rpmlint' as const] : []),
    ...(isReviewed ? ['fedora-review' as const] : []),
  ]
}

/** Returns the macros that Copr defines. Specs read them to find out where they are being built. */
function macrosOf({
  build,
  project,
}: {
  build: { id: number }
  project: { ownername: string; name: string }
}): Record<string, string> {
  const { ownername, name } = project
  const kind = ownername.startsWith('@') ? 'group' : 'user'
  return {
    copr_username: ownername,
    copr_projectname: name,
    vendor: `Copr - ${kind} ${ownername}`,
    buildtag: `.copr${build.id}`,
  }
}

function packageOf({ package_name, build }: TaskContext): string {
  if (package_name === null) throw new Error(`The package name of build ${build.id} is unknown`)
  return package_name
}
