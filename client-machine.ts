import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'

const CLIENT = fileURLToPath(new URL('client', import.meta.url))
/** The release of Fedora that upstream's tests run on. */
export const FEDORA_RELEASE = '44'

export interface ClientMachine {
  /** Runs a command there; `log` is the file that receives its output. Returns its exit code; ends it after `timeout_ms`. */
  command(command: string[]): string[]
  env: Record<string, string>
}

interface Wanted {
  /** A folder to fill. */
  dir: string
  /** The site. */
  url: string
  /** The configuration of copr-cli. */
  config: string
  /** The base packages of the install root. */
  repository: string
  /** Folders of programs that come first. */
  programs: string[]
  /** The certificates that programs trust. */
  certificates: string
  files: Record<'hosts' | 'resolv.conf', string>
}

/** Makes the machine on which upstream's shell tests and features run: see client/enter.sh. */
export async function makeClientMachine(wanted: Wanted): Promise<ClientMachine> {
  const { dir, url, config, repository, programs, certificates, files } = wanted
  const { hostname, protocol } = new URL(url)
  const hub = `[main]\nhostname = ${hostname}\nprotocol = ${protocol.slice(0, -1)}\nport = 80\n`
  const texts: Record<string, string> = {
    'dnf.conf': '[main]\n',
    'etc/hosts': files.hosts,
    'etc/resolv.conf': files['resolv.conf'],
    'etc/os-release': `ID=fedora\nVERSION_ID=${FEDORA_RELEASE}\n`,
    'etc/yum.repos.d/base.repo': `[base]\nname=Base\nbaseurl=${repository}\ngpgcheck=0\n`,
    'etc/dnf/plugins/copr.conf': `[main]\ndistribution = fedora\nreleasever = ${FEDORA_RELEASE}\n`,
    'etc/dnf/plugins/copr.d/tested-copr.conf': hub.replace('[main]', '[tested-copr]'),
    'programs/rhts-environment.sh': '',
  }
  for (const [path, text] of Object.entries(texts)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  for (const folder of ['rw', 'root', 'home/.config', 'share/beakerlib'])
    await mkdir(join(dir, folder), { recursive: true })
  await cp(config, join(dir, 'home/.config/copr'))
  await cp(join(CLIENT, 'beakerlib.sh'), join(dir, 'share/beakerlib/beakerlib.sh'))
  await symlink(join(CLIENT, 'bin'), join(dir, 'bin'))
  const env = {
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    PATH: [
      join(dir, 'bin'),
      ...programs,
      '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      join(dir, 'root/usr/bin'),
    ].join(':'),
    UPSTREAM_CLIENT: dir,
    FEDORA_RELEASE,
    ...Object.fromEntries(
      ['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'GIT_SSL_CAINFO'].map((name) => [
        name,
        certificates,
      ]),
    ),
  }
  const inherited = { ...env, PATH: env.PATH }
  // What hello needs; the rest is installed by the tests. Not in the client's own namespaces, so that it stays.
  const setup = [`--setopt=reposdir=${join(dir, 'etc/yum.repos.d')}`, '-y', 'install', 'bash', 'info']
  await runOrThrow(join(dir, 'bin/dnf'), setup, { env: inherited, timeout_ms: 300_000 })
  return {
    env,
    command: (command) => ['unshare', '--mount', join(CLIENT, 'enter.sh'), ...command],
  }
}
