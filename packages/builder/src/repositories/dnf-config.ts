import type { RepoConfig } from '@copr/contract/chroot-config'
import { clientTls } from './read-url.ts'
import type { Repository } from './repository.ts'

const MAIN = {
  // dnf puts the path of the root before these. What is loaded stays with the root, so that layers above need not again.
  cachedir: '/var/cache/dnf',
  // Beside the root: nothing in it may lead dnf elsewhere, and no build needs them.
  persistdir: '../tmp/dnf-persist',
  logdir: '../tmp/dnf-log',
  reposdir: '/dev/null',
  varsdir: '/dev/null',
  plugins: '0',
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

/** dnf's configuration for a build root: these repositories and nothing of the host. */
export function renderDnfConfig(
  repositories: Repository[],
  main: Record<string, string> = MAIN,
): string {
  return [
    section('main', main),
    ...repositories.map((one) => section(one.config.id, repositoryOptions(one))),
  ].join('\n')
}

function repositoryOptions({ config, url, guard }: Repository): Record<string, string> {
  return {
    name: config.name,
    ...place(config, url),
    // dnf follows redirects and addresses in metadata by itself.
    ...(guard && { proxy: guard.proxy_url }),
    enabled: '1',
    gpgcheck: flag(config.gpgcheck),
    skip_if_unavailable: '0',
    // Asked each time whether it has changed; what has not is not loaded again.
    metadata_expire: '0',
    ...(config.repo_gpgcheck === null ? {} : { repo_gpgcheck: flag(config.repo_gpgcheck) }),
    ...(config.gpgkey === null ? {} : { gpgkey: config.gpgkey }),
    ...clientTls(config),
    ...(config.priority === null ? {} : { priority: String(config.priority) }),
    ...(config.module_hotfixes === null ? {} : { module_hotfixes: flag(config.module_hotfixes) }),
  }
}

/** dnf itself goes on to another mirror when one fails. */
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
