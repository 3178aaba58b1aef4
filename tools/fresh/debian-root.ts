import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { type AptSettings, readAptSettings, sourcesFor } from './apt-settings.ts'
import type { FreshRoot, MakeOptions } from './fresh-root.ts'
import { inRoot, readCertificates, writeCertificates } from './root-setup.ts'
import { proxySettings } from './user-settings.ts'

/** The README's prerequisites, as a user installs them. */
const PREREQUISITES = ['ca-certificates', 'git', 'make', 'nodejs', 'npm']
/** Unfinished roots are deleted, so dpkg need not sync files to disk during the installation. */
const UNSAFE = 'etc/dpkg/dpkg.cfg.d/unsafe-io'

/**
 * Returns the recipe for a Debian that, like Debian's container image, contains only required packages, and in addition the README's
 * prerequisites.
 */
export function debianRoot({ name, codename }: { name: string; codename: string }): FreshRoot {
  return {
    name,
    recipe: import.meta.filename,
    inputs: async () => ({
      codename,
      prerequisites: PREREQUISITES,
      settings: await readAptSettings(),
      certificates: readCertificates(),
    }),
    make: async (dir, options) => await make(dir, codename, options),
    downloads: (checkout) => [
      '/var/cache/apt/archives',
      `${checkout}/.copr/distro/debs`,
      '/var/tmp/copr-test-cache/distro/debs',
    ],
    downloadSuffix: '.deb',
    listPackages: ['dpkg-query', '--show'],
    baseRepository: (checkout) => [
      '[base]',
      'name=Mini distribution',
      `baseurl=file://${checkout}/.copr/distro/repo`,
      'gpgcheck=0',
    ],
  }
}

async function make(dir: string, codename: string, options: MakeOptions): Promise<void> {
  const settings = await readAptSettings()
  const sources = sourcesFor(settings, codename)
  const mirror = sources[0]?.uri
  mkdirSync(join(dir, dirname(UNSAFE)), { recursive: true })
  writeFileSync(join(dir, UNSAFE), 'force-unsafe-io\n')
  await runOrThrow(
    'debootstrap',
    ['--variant=minbase', '--include=ca-certificates', codename, dir, ...(mirror ? [mirror] : [])],
    { env: proxySettings(process.env), ...options },
  )
  writeSettings(dir, settings, codename)
  await inRoot(dir, ['update-ca-certificates'], options)
  await inRoot(dir, ['apt-get', 'update'], options)
  await inRoot(dir, ['apt-get', 'upgrade', '--yes'], options)
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends']
  await inRoot(dir, [...install, ...PREREQUISITES], options)
  // Downloaded packages are kept in the cache: see FreshRoot.downloads.
  await inRoot(dir, ['apt-get', 'clean'], options)
  rmSync(join(dir, UNSAFE))
}

/** Writes this machine's mirrors, apt settings and certificates, so that a company's proxy is also used in the root. */
function writeSettings(dir: string, settings: AptSettings, codename: string): void {
  const sources = sourcesFor(settings, codename)
  if (sources.length > 0) {
    const lines = sources.map(({ uri, suite }) => `deb ${uri} ${suite} main\n`)
    writeFileSync(join(dir, 'etc/apt/sources.list'), lines.join(''))
  }
  writeFileSync(join(dir, 'etc/apt/apt.conf.d/90host'), `${settings.options.join('\n')}\n`)
  // Debian's installer writes this file; debootstrap does not.
  writeFileSync(join(dir, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n')
  writeCertificates(dir)
}
