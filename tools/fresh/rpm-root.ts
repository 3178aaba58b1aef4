import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { type DistroMachine, generatorDigest } from '../../packages/demo-distro/src/generator.ts'
import { makeDistro } from '../../packages/demo-distro/src/make-distro.ts'
import type { FreshRoot, MakeOptions } from './fresh-root.ts'
import { FRESH_CACHE } from './root-cache.ts'
import { inRoot, readCertificates, writeCertificates } from './root-setup.ts'

const PACKAGE_LIST = new URL('machine-packages.list', import.meta.url)
/** The packages of a minimal Fedora image, by RPM package name. */
export const BARE = [
  'filesystem', 'bash', 'ca-certificates', 'coreutils', 'curl', 'dnf', 'findutils', 'gawk', 'glibc-common', 'gnupg2', 'grep',
  'gzip', 'mawk', 'openssl', 'rpm', 'sed', 'shadow-utils', 'tar', 'tzdata', 'util-linux', 'util-linux-mount', 'xz', 'which',
] // prettier-ignore
/** The README's prerequisites, as a user installs them. */
export const PREREQUISITES = ['git-core', 'make', 'nodejs', 'nodejs-npm']
const KEY_NAME = 'Copr Mini'
const KEY_FILE = '/etc/pki/rpm-gpg/RPM-GPG-KEY-copr-mini'
const REPOSITORY = '/srv/copr-mini'

/**
 * Returns the recipe for a machine that has only RPMs. It is used in place of Fedora, whose mirrors cannot be reached everywhere, and
 * consists of the mini distribution and the packages that a machine needs in addition to a buildroot. It has neither dpkg nor apt; dnf
 * installs from a signed repository.
 */
export function rpmRoot(): FreshRoot {
  const version = debianVersion()
  return {
    name: `copr-mini-${version}`,
    recipe: import.meta.filename,
    inputs: async () => ({
      generator: await generatorDigest(machineOf(version)),
      certificates: readCertificates(),
    }),
    make: async (dir, options) => await make(dir, version, options),
    // Nothing is downloaded: the repository is a folder in the root.
    downloads: () => [],
    downloadSuffix: '.rpm',
    listPackages: ['rpm', '-qa'],
    baseRepository: () => repositoryFile(),
  }
}

/** Returns the version of the Debian release on which the mini distribution is built; the mini distribution has the same version. */
function debianVersion(): string {
  return /^VERSION_ID="?([\d.]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '0'
}

function machineOf(version: string): DistroMachine {
  const osRelease = {
    NAME: 'Copr Mini',
    ID: 'copr-mini',
    ID_LIKE: 'fedora',
    VERSION_ID: version,
    PRETTY_NAME: `Copr Mini ${version}`,
  }
  return {
    packageList: readFileSync(PACKAGE_LIST, 'utf8'),
    osRelease: Object.entries(osRelease)
      .map(([key, value]) => `${key}="${value}"\n`)
      .join(''),
  }
}

async function make(dir: string, version: string, options: MakeOptions): Promise<void> {
  const { repoDir } = await makeDistro({
    dir: join(FRESH_CACHE, 'copr-mini'),
    machine: machineOf(version),
    signal: options.signal,
    onProgress: ({ step, done, total }) =>
      options.onOutput(Buffer.from(`${step} ${done} of ${total}\n`)),
  })
  await signRepository(repoDir, dir, options)
  mkdirSync(join(dir, 'etc/yum.repos.d'), { recursive: true })
  writeFileSync(join(dir, 'etc/yum.repos.d/copr-mini.repo'), repositoryFile().join('\n'))
  await installBare(dir, version, options)
  await runMaintainerScripts(dir, options)
  await inRoot(dir, ['dnf', '-y', 'install', ...PREREQUISITES], options)
  await inRoot(dir, ['dnf', 'clean', 'all'], options)
}

function repositoryFile(): string[] {
  return [
    '[copr-mini]',
    'name=Copr Mini',
    `baseurl=file://${REPOSITORY}`,
    'gpgcheck=1',
    `gpgkey=file://${KEY_FILE}`,
    '',
  ]
}

/** Copies the repository into the root, signs it, and adds its public key. */
async function signRepository(repoDir: string, dir: string, options: MakeOptions): Promise<void> {
  const repository = join(dir, REPOSITORY)
  const key = join(dir, KEY_FILE)
  const home = join(dir, 'tmp', 'gpg')
  for (const path of [dirname(repository), dirname(key)]) mkdirSync(path, { recursive: true })
  mkdirSync(home, { recursive: true, mode: 0o700 })
  await cp(repoDir, repository, { recursive: true, dereference: true })
  await rm(join(repository, 'repodata'), { recursive: true })
  const script = `
    gpg --batch --quiet --passphrase '' --quick-generate-key "$1" rsa2048 sign never
    gpg --batch --armor --export "$1" >"$2"
    rpmsign --define "_gpg_name $1" --define "__gpg $(command -v gpg)" --addsign "$3"/*.rpm
    createrepo_c --quiet --no-database "$3"
  `
  // gpg leaves an agent running; it is killed together with the PID namespace.
  const unshare = ['--pid', '--fork', '--kill-child', '--mount-proc']
  await runOrThrow('unshare', [...unshare, 'sh', '-ec', script, 'sh', KEY_NAME, key, repository], {
    env: { GNUPGHOME: home, HOME: home },
    ...options,
  })
  await rm(home, { recursive: true })
}

async function installBare(dir: string, version: string, options: MakeOptions): Promise<void> {
  const home = join(dir, 'tmp', 'home')
  mkdirSync(home, { recursive: true })
  // By default, Debian's rpm stores its database in the user's home directory.
  writeFileSync(join(home, '.rpmmacros'), '%_dbpath /var/lib/rpm\n')
  const source = ['--repofrompath', `copr-mini,file://${join(dir, REPOSITORY)}`]
  const settings = ['reposdir=/dev/null', `cachedir=${home}/cache`, `logdir=${home}`]
  const from = [...source, '--repo=copr-mini', ...settings.map((one) => `--setopt=${one}`)]
  await runOrThrow(
    'dnf',
    ['-y', '--noplugins', '--nogpgcheck', `--installroot=${dir}`, `--releasever=${version}`].concat(
      from,
      ['install', ...BARE],
    ),
    { env: { HOME: home }, ...options },
  )
  await rm(home, { recursive: true })
}

/** Performs the steps of Debian's maintainer scripts, because the RPMs do not contain those scripts. */
async function runMaintainerScripts(dir: string, options: MakeOptions): Promise<void> {
  const authorities = join(dir, 'usr/share/ca-certificates')
  const names = readdirSync(authorities, { recursive: true, encoding: 'utf8' })
  writeFileSync(
    join(dir, 'etc/ca-certificates.conf'),
    names
      .filter((name) => name.endsWith('.crt'))
      .map((name) => `${name}\n`)
      .join(''),
  )
  writeCertificates(dir)
  mkdirSync(join(dir, 'etc/ssl/certs'), { recursive: true })
  await inRoot(dir, ['update-ca-certificates'], options)
  await inRoot(dir, ['ldconfig'], options)
}
