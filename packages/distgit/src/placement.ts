import { isUtf8 } from 'node:buffer'
import { CoprError } from '@copr/process/errors'

/** Maximum size of a file in git; a larger one is stored in the lookaside even if it is text. */
export const MAX_GIT_BYTES = 1024 * 1024

const ARCHIVE =
  /\.(?:tar|tgz|tbz2?|txz|tzst|tlz|gz|bz2|xz|zst|lz4?|lzma|zip|7z|jar|war|whl|gem|crate|rpm|cpio|iso|deb|exe)$/i
const PATCH = /\.(?:patch|diff)$/i

/** Throws CoprError for names that a git work tree cannot contain, or that dist-git needs for itself. */
export function checkSourceName(name: string): void {
  if (name === 'sources')
    throw new CoprError(
      'invalid',
      'Cannot import the SRPM: it contains a file named "sources", a name that dist-git reserves',
    )
  // git does not check it out: it is the short name (8.3) of .git on some file systems.
  if (/^git~1$/i.test(name))
    throw new CoprError(
      'invalid',
      `Cannot import the SRPM: git does not accept a file named "${name}"`,
    )
}

/** Whether git keeps a file: patches in any encoding, and other text in UTF-8. */
export function isForGit(name: string, content: Buffer): boolean {
  if (ARCHIVE.test(name) || content.length > MAX_GIT_BYTES || content.includes(0)) return false
  return PATCH.test(name) || isUtf8(content)
}
