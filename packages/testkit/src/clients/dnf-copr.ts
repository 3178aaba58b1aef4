import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunOutcome, run } from '@copr/process/run'
import { DISTRO_OS, DISTRO_VERSION } from '@copr/demo-distro/chroot'
import { CACHE_DIR, type System } from '../system/start-system.ts'

/** The name of the site in the plugin's configuration. */
const HUB = 'ours'

/** dnf with an unmodified copr plugin, and with an install root and configuration of its own. */
export interface DnfCopr extends Disposable {
  /** The install root. */
  readonly root: string
  /** The folder to which the plugin writes `.repo` files. */
  readonly repos: string
  copr(...args: string[]): Promise<RunOutcome>
  dnf(...args: string[]): Promise<RunOutcome>
}

export function dnfCopr({ port }: Pick<System, 'port'>): DnfCopr {
  const dir = mkdtempSync(join(tmpdir(), 'copr-dnf-'))
  const [root, repos, config] = [join(dir, 'root'), join(dir, 'repos'), join(dir, 'config')]
  for (const folder of [root, repos, join(config, 'copr.d')]) mkdirSync(folder, { recursive: true })
  const hub = ['hostname = 127.0.0.1', 'protocol = http', `port = ${port}`]
  writeFileSync(
    join(config, 'copr.conf'),
    `[main]\ndistribution = ${DISTRO_OS}\nreleasever = ${DISTRO_VERSION}\n`,
  )
  writeFileSync(join(config, 'copr.d', `${HUB}.conf`), [`[${HUB}]`, ...hub, ''].join('\n'))
  const base = `[base]\nname=Mini distribution\nbaseurl=file://${CACHE_DIR}/distro/repo\ngpgcheck=0\n`
  writeFileSync(join(repos, 'base.repo'), base)
  // Used instead of the machine's configuration; dnf requires a regular file.
  writeFileSync(join(dir, 'dnf.conf'), '[main]\n')
  const options = [
    '-y',
    // Only the copr plugin is enabled: one of Debian's other plugins serves outdated packages from its own cache.
    '--disableplugin=*',
    '--enableplugin=copr',
    `--config=${join(dir, 'dnf.conf')}`,
    `--installroot=${root}`,
    `--releasever=${DISTRO_VERSION}`,
    `--setopt=reposdir=${repos}`,
    `--setopt=pluginconfpath=${config}`,
    `--setopt=cachedir=${join(dir, 'cache')}`,
    '--setopt=install_weak_deps=False',
  ]
  // dnf leaves a gpg-agent running; it is killed together with the PID namespace.
  const contained = ['--pid', '--fork', '--kill-child', '--mount-proc', 'dnf']
  const dnf = async (...args: string[]): Promise<RunOutcome> =>
    await run('unshare', [...contained, ...options, ...args], { env: { HOME: '/nonexistent' } })
  return {
    root,
    repos,
    dnf,
    copr: async (subcommand = '', ...args) => await dnf('copr', '--hub', HUB, subcommand, ...args),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}
