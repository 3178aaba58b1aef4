import { isUtf8 } from 'node:buffer'
import { CoprError } from '@copr/process/errors'
import { sourceNameFault } from '@copr/rpm/source-name'

/** Maximum size of a file in git; larger files are stored in the lookaside cache even if they are text. */
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
  const fault = sourceNameFault(name)
  if (fault)
    throw new CoprError(
      'invalid',
      `Cannot import the SRPM: the file name ${JSON.stringify(name)} in it ${fault}`,
    )
}

/**
 * Whether a file is stored in git: patches in any encoding, and other text if it is UTF-8. Spec files other than the package's own are
 * stored in the lookaside cache, so that a commit contains exactly one spec file.
 */
export function isForGit(name: string, content: Buffer): boolean {
  if (
    ARCHIVE.test(name) ||
    name.endsWith('.spec') ||
    content.length > MAX_GIT_BYTES ||
    content.includes(0)
  )
    return false
  return PATCH.test(name) || isUtf8(content)
}
