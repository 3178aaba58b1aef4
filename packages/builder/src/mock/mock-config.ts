import type { RpmTask } from '@copr/contract/builder-protocol'
import type { RepoConfig } from '@copr/contract/chroot-config'
import { BuildFailure } from '../build-failure.ts'
import { renderDnfConfig } from '../repositories/dnf-config.ts'
import { chrootParts, type Repository } from '../repositories/repository.ts'

/** The `[main]` section of dnf's configuration in mock's chroots. */
const MAIN = {
  reposdir: '/dev/null',
  assumeyes: '1',
  install_weak_deps: '0',
  tsflags: 'nodocs',
  keepcache: '1',
  best: '1',
  obsoletes: '1',
  gpgcheck: '0',
  metadata_expire: '0',
  retries: '3',
  timeout: '60',
  protected_packages: '',
  user_agent: 'copr',
}

export interface MockConfigOptions {
  repositories: Repository[]
  /** Directory of mock's chroots. */
  base_dir: string
  cache_dir: string
  /** `dnf5` if the machine has it. */
  package_manager: 'dnf' | 'dnf5'
}

/**
 * Renders the configuration with which mock builds a task on this machine. Every value is a JSON literal, so that nothing from a project is
 * executed as Python.
 */
export function renderMockConfig(task: RpmTask, options: MockConfigOptions): string {
  const { enable_net } = task
  return render(task, {
    basedir: options.base_dir,
    cache_topdir: options.cache_dir,
    package_manager: options.package_manager,
    // If no method is set, mock makes a bootstrap chroot, for which the chroot's repositories must contain dnf.
    ...(bootstrapOf(task) ?? { use_bootstrap: false }),
    // Keeps nspawn in the agent's cgroup, whose limits also apply to builds.
    nspawn_args: ['--capability=cap_ipc_lock', '--keep-unit'],
    isolation: isolationOf(task) ?? 'auto',
    rpmbuild_networking: enable_net,
    use_host_resolv: enable_net,
    rpmbuild_timeout: task.timeout_seconds,
    print_main_output: true,
    cleanup_on_success: true,
    cleanup_on_failure: true,
    'dnf.conf': renderDnfConfig(options.repositories, MAIN),
  })
}

/** Renders a configuration with which mock can repeat a task's build on any machine that can reach the repositories. */
export function renderPortableMockConfig(task: RpmTask): string {
  const { enable_net } = task
  const isolation = isolationOf(task)
  return render(task, {
    package_manager: 'dnf',
    ...bootstrapOf(task),
    ...(isolation && { isolation }),
    rpmbuild_networking: enable_net,
    use_host_resolv: enable_net,
    'dnf.conf': renderDnfConfig(
      [...task.repos, ...task.chroot.repos].map((one) => portableRepository(one, task)),
      MAIN,
    ),
  })
}

/** Returns a repository with its public URL, and without any user name and password. */
function portableRepository(config: RepoConfig, { results }: RpmTask) {
  const [baseurl = '', metalink, mirrorlist] = [
    config.baseurl,
    config.metalink,
    config.mirrorlist,
  ].map((url) => url?.replace(/^([a-z]+:\/\/)[^/@\s]*@/i, '$1'))
  const url =
    results && baseurl.startsWith(`${results.url}/`)
      ? results.public_url + baseurl.slice(results.url.length)
      : baseurl
  return { config: { ...config, metalink, mirrorlist }, url }
}

function render(task: RpmTask, settings: Record<string, unknown>): string {
  const { chroot } = task
  const { version, arch } = chrootParts(chroot.name)
  const install = [...chroot.install, ...task.buildroot_packages]
  const lines = Object.entries({
    root: `copr-${chroot.name}`,
    target_arch: arch,
    releasever: version,
    dist: distOf(chroot.name),
    chroot_setup_cmd: `install ${install.join(' ')}`,
    ...(task.modules.length > 0 && {
      module_setup_commands: task.modules.map(({ action, module }) => [action, module]),
    }),
    ...settings,
  }).map(([name, value]) => assignment('config_opts', name, value))
  const macros = { ...chroot.macros, ...task.macros }
  const defined = Object.entries(macros)
    .filter(([name]) => /^\w+(\([\w:-]*\))?$/.test(name))
    .map(([name, body]) => assignment("config_opts['macros']", `%${name}`, body))
  const plugins = ['ccache_enable', 'tmpfs_enable'].map((name) =>
    assignment("config_opts['plugin_conf']", name, false),
  )
  return `${[...lines, ...defined, ...plugins].join('\n')}\n`
}

/** Returns the dist tag of a chroot's packages, such as `fc43` for `fedora-43`. */
function distOf(chroot: string): string {
  const { version } = chrootParts(chroot)
  if (chroot.startsWith('fedora-')) return version === 'rawhide' ? 'rawhide' : `fc${version}`
  return /^(epel|centos|rhel)/.test(chroot) ? `el${version.split('.')[0] ?? ''}` : version
}

/** Returns how mock makes a bootstrap chroot; undefined if no method has been chosen. */
function bootstrapOf({ bootstrap, bootstrap_image }: RpmTask): Record<string, unknown> | undefined {
  switch (bootstrap) {
    case 'on':
    case 'off':
      return { use_bootstrap: bootstrap === 'on', use_bootstrap_image: false }
    case 'image':
    case 'custom_image':
      return {
        use_bootstrap: true,
        use_bootstrap_image: true,
        ...(bootstrap_image && { bootstrap_image }),
      }
    default:
      return undefined
  }
}

function isolationOf({ isolation }: RpmTask): string | undefined {
  return isolation === 'nspawn' || isolation === 'simple' ? isolation : undefined
}

function assignment(object: string, name: string, value: unknown): string {
  return `${object}['${name}'] = ${python(value)}`
}

/** Renders a value as Python, which is like JSON except for True, False and None. */
function python(value: unknown): string {
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (value === null) return 'None'
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`
  return JSON.stringify(typeof value === 'string' ? withoutTemplates(value) : value)
}

/**
 * Throws a BuildFailure if a string looks like a Jinja template. mock evaluates strings repeatedly until they no longer change, so no
 * quoting protects them, and a template would run code on the builder.
 */
function withoutTemplates(text: string): string {
  const found = /.{0,20}\{[{%#].{0,20}/.exec(text)?.[0]
  if (found === undefined) return text
  throw new BuildFailure(`mock would evaluate "${found}" in the settings as a template`, {
    category: 'macros',
  })
}
