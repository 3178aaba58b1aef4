import type { RpmTask } from '@copr/contract/builder-protocol'
import { BuildFailure } from '../build-failure.ts'
import { renderDnfConfig } from '../repositories/dnf-config.ts'
import { chrootParts, type Repository } from '../repositories/repository.ts'

/** The `[main]` section of dnf's configuration in mock's roots. */
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
  /** Directory of mock's roots. */
  base_dir: string
  cache_dir: string
  /** `dnf5` if the machine has it. */
  package_manager: 'dnf' | 'dnf5'
}

/** Renders a task as mock configuration. Every value is a JSON literal, so that nothing from a project is executed as Python. */
export function renderMockConfig(task: RpmTask, options: MockConfigOptions): string {
  const { chroot, enable_net } = task
  const { version, arch } = chrootParts(chroot.name)
  const install = [...chroot.install, ...task.buildroot_packages]
  const lines = Object.entries({
    root: `copr-${chroot.name}`,
    basedir: options.base_dir,
    cache_topdir: options.cache_dir,
    target_arch: arch,
    releasever: version,
    dist: distOf(chroot.name),
    chroot_setup_cmd: `install ${install.join(' ')}`,
    package_manager: options.package_manager,
    use_bootstrap:
      task.bootstrap !== undefined && !['default', 'off', 'unchanged'].includes(task.bootstrap),
    ...bootstrapImage(task),
    isolation: task.isolation === 'nspawn' || task.isolation === 'simple' ? task.isolation : 'auto',
    // Keeps nspawn in the agent's control group, whose limits apply to builds as well.
    nspawn_args: ['--capability=cap_ipc_lock', '--keep-unit'],
    rpmbuild_networking: enable_net,
    use_host_resolv: enable_net,
    rpmbuild_timeout: task.timeout_seconds,
    print_main_output: true,
    cleanup_on_success: true,
    cleanup_on_failure: true,
    'dnf.conf': renderDnfConfig(options.repositories, MAIN),
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

/** Returns the dist tag of a chroot's packages: `fedora-43` → `fc43`. */
function distOf(chroot: string): string {
  const { version } = chrootParts(chroot)
  if (chroot.startsWith('fedora-')) return version === 'rawhide' ? 'rawhide' : `fc${version}`
  return /^(epel|centos|rhel)/.test(chroot) ? `el${version.split('.')[0] ?? ''}` : version
}

function bootstrapImage({ bootstrap, bootstrap_image }: RpmTask): Record<string, unknown> {
  if (bootstrap !== 'image' && bootstrap !== 'custom_image') return {}
  return {
    use_bootstrap_image: true,
    ...(bootstrap_image ? { bootstrap_image } : {}),
  }
}

function assignment(object: string, name: string, value: unknown): string {
  return `${object}[${python(name)}] = ${python(value)}`
}

/** Renders a value as Python, which is JSON except for True, False and None. */
function python(value: unknown): string {
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (value === null) return 'None'
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`
  return JSON.stringify(typeof value === 'string' ? withoutTemplates(value) : value)
}

/**
 * Throws a BuildFailure if a text looks like a Jinja template. mock evaluates texts repeatedly until nothing changes, so no quoting
 * survives, and a template would run code on the builder.
 */
function withoutTemplates(text: string): string {
  const found = /.{0,20}\{[{%#].{0,20}/.exec(text)?.[0]
  if (found === undefined) return text
  throw new BuildFailure(`mock would evaluate "${found}" in the settings as a template`, {
    category: 'macros',
  })
}
