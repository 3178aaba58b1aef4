import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** The names of the packages that contain a program, if they differ from the program's name. */
interface Packages {
  apt: string
  dnf: string
}

const UTIL_LINUX = { apt: 'util-linux', dnf: 'util-linux' }

const PACKAGES: Record<string, Packages> = {
  'mkfs.ext4': { apt: 'e2fsprogs', dnf: 'e2fsprogs' },
  createrepo_c: { apt: 'createrepo-c', dnf: 'createrepo_c' },
  flock: UTIL_LINUX,
  git: { apt: 'git', dnf: 'git-core' },
  ip: { apt: 'iproute2', dnf: 'iproute' },
  losetup: { apt: 'mount', dnf: 'util-linux' },
  mount: { apt: 'mount', dnf: 'util-linux' },
  nsenter: UTIL_LINUX,
  prlimit: UTIL_LINUX,
  rpmbuild: { apt: 'rpm', dnf: 'rpm-build' },
  setpriv: UTIL_LINUX,
  unshare: UTIL_LINUX,
}

/** Returns the programs that are not in any directory of `path`, which is PATH by default. */
export function missingPrograms(
  programs: string[],
  path = process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
): string[] {
  const folders = path.split(':').filter((folder) => folder !== '')
  return programs.filter((program) => !folders.some((folder) => isProgram(join(folder, program))))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Directories of programs for root, which may be missing from PATH in a shell that was started with `su`. */
const SBIN = '/usr/sbin:/sbin'

interface Surroundings {
  manager: 'apt' | 'dnf' | undefined
  /** Directories, separated by colons, in which to look for programs that are not found in PATH. */
  path: string
}

/**
 * Returns a sentence that names the missing programs and the command that installs them. If the machine's package manager is unknown, the
 * sentence covers both apt and dnf.
 */
export function missingSentence(
  missing: string[],
  { manager, path }: Surroundings = { manager: packageManager(), path: SBIN },
): string {
  const outsidePath = missing.filter((program) => missingPrograms([program], path).length === 0)
  if (outsidePath.length > 0)
    return `Programs are not in PATH: ${outsidePath.join(', ')}; run export PATH="$PATH:${SBIN}", or log in with "su -"`
  const install = (each: 'apt' | 'dnf'): string => {
    const packages = new Set(missing.map((program) => PACKAGES[program]?.[each] ?? program))
    return `"${each === 'apt' ? 'apt-get' : 'dnf'} install ${[...packages].join(' ')}"`
  }
  const how =
    manager === undefined
      ? `install the packages that ${install('apt')} or ${install('dnf')} would install`
      : `run ${install(manager)}`
  return `Programs are missing: ${missing.join(', ')}; ${how}`
}

/** Returns the machine's package manager. apt takes precedence: Debian may have dnf as well, because builds need it. */
function packageManager(): 'apt' | 'dnf' | undefined {
  if (missingPrograms(['apt-get']).length === 0) return 'apt'
  return missingPrograms(['dnf']).length === 0 ? 'dnf' : undefined
}
