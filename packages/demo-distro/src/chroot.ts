import type { ChrootConfig } from '@copr/contract/chroot-config'
import { splitChrootName } from '@copr/contract/names'
import { thisHost } from './host-distribution.ts'
import { readPackageList } from './list.ts'

const host = thisHost()

/**
 * The name of the chroot that `make up` creates from this machine's packages or from its repositories. If neither is possible, a name that
 * no chroot has.
 */
export const DISTRO_CHROOT = host.kind === 'none' ? 'none-0-none' : host.chroot

const parts = splitChrootName(DISTRO_CHROOT)
export const DISTRO_OS = parts?.os_release ?? ''
export const DISTRO_VERSION = parts?.os_version ?? ''
export const DISTRO_ARCH = parts?.arch ?? ''
/** The name without the architecture, as in the URLs of .repo files. */
export const DISTRO_RELEASE = `${DISTRO_OS}-${DISTRO_VERSION}`

/** Returns the RPM names of the packages that every buildroot of the mini distribution contains. */
export async function buildRootPackages(): Promise<string[]> {
  const list = await readPackageList()
  return [
    'filesystem',
    'copr-mini-macros',
    ...list.filter((one) => one.inBuildRoot).map((one) => one.rpmName),
  ]
}

/**
 * Returns a chroot whose builds use the mini distribution that is served at `repoUrl`. Its buildroots have rpm's database in /var/lib/rpm,
 * but dnf on a Debian host would create it in root's home directory. A program that installs packages into a buildroot there must therefore
 * define `%_dbpath`. It must also run dnf without plugins, because one of Debian's plugins serves outdated packages from its own cache.
 */
export async function debianChroot(repoUrl: string): Promise<ChrootConfig> {
  return {
    name: DISTRO_CHROOT,
    comment: 'Mini distribution made from the Debian packages of the host',
    repos: [
      {
        id: 'copr-mini',
        name: 'Mini distribution',
        baseurl: repoUrl,
        priority: null,
        module_hotfixes: null,
        gpgcheck: false,
        repo_gpgcheck: null,
        gpgkey: null,
      },
    ],
    install: await buildRootPackages(),
    macros: {},
    tags: [],
  }
}
