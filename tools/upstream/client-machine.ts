import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'

const CLIENT = fileURLToPath(new URL('client', import.meta.url))
/** The Fedora release that upstream's tests expect. */
const FEDORA_RELEASE = '44'

/** The simulated client machine on which upstream's shell tests and features run. */
export interface ClientMachine {
  readonly env: Record<string, string>
  /** Returns a command that runs the given command on the machine; its changes to files are discarded. */
  enter(command: string[]): string[]
}

interface Wanted {
  /** A directory for the files of the machine. */
  dir: string
  /** The URL of the site. */
  url: string
  /** The path of copr-cli's configuration file. */
  config: string
  /** The repository with the packages that are preinstalled in the install root. */
  repository: string
  /** The directory with copr-cli and behave. */
  programs: string
  /** A file with the CA certificates to trust. */
  certificates: string
  hosts: string
  resolv_conf: string
}

export async function makeClientMachine(wanted: Wanted): Promise<ClientMachine> {
  const { dir, certificates } = wanted
  for (const [path, text] of Object.entries(textsOf(wanted))) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  for (const folder of ['rw', 'root', 'home/.config', 'share/beakerlib'])
    await mkdir(join(dir, folder), { recursive: true })
  await cp(wanted.config, join(dir, 'home/.config/copr'))
  await cp(join(CLIENT, 'beakerlib.sh'), join(dir, 'share/beakerlib/beakerlib.sh'))
  await symlink(join(CLIENT, 'bin'), join(dir, 'bin'))
  const system = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const path = [join(dir, 'bin'), wanted.programs, system, join(dir, 'root/usr/bin')]
  const trust = ['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'GIT_SSL_CAINFO']
  const env = {
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    PATH: path.join(':'),
    UPSTREAM_CLIENT: dir,
    FEDORA_RELEASE,
    ...Object.fromEntries(trust.map((name) => [name, certificates])),
  }
  // These packages persist, because they are installed outside the machine's own namespaces.
  const packages = ['bash']
  const repos = `--setopt=reposdir=${join(dir, 'etc/yum.repos.d')}`
  await runOrThrow(join(dir, 'bin/dnf'), [repos, '-y', 'install', ...packages], {
    env,
    timeout_ms: 300_000,
  })
  return {
    env,
    enter: (command) => ['unshare', '--mount', join(CLIENT, 'enter.sh'), ...command],
  }
}

function textsOf({ url, repository, hosts, resolv_conf }: Wanted): Record<string, string> {
  const { hostname } = new URL(url)
  return {
    'dnf.conf': '[main]\n',
    'etc/hosts': hosts,
    'etc/resolv.conf': resolv_conf,
    'etc/os-release': `ID=fedora\nVERSION_ID=${FEDORA_RELEASE}\n`,
    'etc/yum.repos.d/base.repo': `[base]\nname=Base\nbaseurl=${repository}\ngpgcheck=0\n`,
    'etc/dnf/plugins/copr.conf': `[main]\ndistribution = fedora\nreleasever = ${FEDORA_RELEASE}\n`,
    'etc/dnf/plugins/copr.d/tested-copr.conf': `[tested-copr]\nhostname = ${hostname}\nprotocol = http\n`,
    // An empty replacement for a file that exists in Beaker's lab and that tests load with `source`.
    'programs/rhts-environment.sh': '',
  }
}
