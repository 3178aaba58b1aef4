import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

const PROGRAMS = ['rpmbuild', 'rpmkeys', 'dnf', 'createrepo_c', 'git', 'gpg', 'unshare', 'setpriv']

/** Returns why the whole system cannot run on this machine, as a reason to skip its tests; false if it can. */
export function whyNoSystem(path: string | undefined): string | false {
  if (process.getuid?.() !== 0) return 'needs root: builds run in chroots and namespaces'
  const missing = missingPrograms(path, PROGRAMS)
  return missing.length > 0 ? `needs ${missing.join(', ')}` : false
}

/** Lists the programs that are in none of the folders of a PATH. */
export function missingPrograms(path: string | undefined, programs: string[]): string[] {
  return programs.filter((name) => !isIn(path ?? '', name))
}

function isIn(path: string, program: string): boolean {
  return path.split(':').some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
