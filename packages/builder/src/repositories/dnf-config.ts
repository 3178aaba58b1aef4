import type { RepoConfig } from '@copr/contract/chroot-config'
import { clientTls } from './read-url.ts'
import type { Repository } from './repository.ts'

const MAIN = {
  // dnf prepends the path of the buildroot to this directory. Downloads stay in the buildroot, so that layers above it need not repeat
  // them.
  cachedir: '/var/cache/dnf',
  // Outside the buildroot: nothing in it may redirect dnf elsewhere, and no build needs these files.
  persistdir: '../tmp/dnf-persist',
  logdir: '../tmp/dnf-log',
  reposdir: '/dev/null',
  varsdir: '/dev/null',
  plugins: '0',
  // Newer versions of dnf read file lists only with this setting. The lists are needed because requirements may be paths.
  optional_metadata_types: 'comps,filelists',
  install_weak_deps: '0',
  tsflags: 'nodocs',
  keepcache: '0',
  best: '1',
  obsoletes: '1',
  gpgcheck: '0',
  localpkg_gpgcheck: '0',
  retries: '3',
  timeout: '60',
  zchunk: '0',
}

/** Renders dnf's configuration for a buildroot: these repositories, and nothing from the host. */
export function renderDnfConfig(
  repositories: Pick<Repository, 'config' | 'url' | 'guard'>[],
  main: Record<string, string> = MAIN,
): string {
  return [
    section('main', main),
    ...repositories.map((one) => section(one.config.id, repositoryOptions(one))),
  ].join('\n')
}

function repositoryOptions({
  config,
  url,
  guard,
}: Pick<Repository, 'config' | 'url' | 'guard'>): Record<string, string> {
  return {
    name: config.name,
    ...place(config, url),
    // The proxy is needed because dnf follows redirects, and addresses in metadata, without a check.
    ...(guard && { proxy: guard.proxy_url }),
    enabled: '1',
    gpgcheck: flag(config.gpgcheck),
    skip_if_unavailable: '0',
    // dnf checks for new metadata every time; unchanged metadata is not downloaded again.
    metadata_expire: '0',
    ...(config.repo_gpgcheck === null ? {} : { repo_gpgcheck: flag(config.repo_gpgcheck) }),
    ...(config.gpgkey === null ? {} : { gpgkey: config.gpgkey }),
    ...clientTls(config),
    ...(config.priority === null ? {} : { priority: String(config.priority) }),
    ...(config.module_hotfixes === null ? {} : { module_hotfixes: flag(config.module_hotfixes) }),
  }
}

/**
 * Returns the option that says where dnf finds the repository. With a mirror list, dnf itself falls back to another mirror if one fails.
 */
function place({ metalink, mirrorlist }: RepoConfig, url: string): Record<string, string> {
  if (metalink) return { metalink }
  return mirrorlist ? { mirrorlist } : { baseurl: url }
}

function section(name: string, options: Record<string, string>): string {
  const lines = Object.entries(options).map(
    ([key, value]) => `${key}=${value.replaceAll(/[\r\n]+/g, ' ')}`,
  )
  return [`[${name}]`, ...lines, ''].join('\n')
}

function flag(value: boolean): string {
  return value ? '1' : '0'
}
