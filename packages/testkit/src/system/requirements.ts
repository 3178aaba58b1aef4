import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

const PROGRAMS = ['rpmbuild', 'rpmkeys', 'dnf', 'createrepo_c', 'git', 'gpg', 'unshare', 'setpriv']

/** Why the whole system cannot run on this machine: a reason to skip its tests, or false. */
export function whyNoSystem(path: string | undefined): string | false {
  if (process.getuid?.() !== 0) return 'needs root: builds run in chroots and namespaces'
  const missing = PROGRAMS.filter((name) => !isIn(path ?? '', name))
  return missing.length > 0 ? `needs ${missing.join(', ')}` : false
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
