import { refuse } from './errors.ts'
import type { ListedFile } from './file-list.ts'
import { FILE_FLAG } from './tags.ts'

/**
 * Returns the name of a source package's spec file: the file with rpm's flag for it, because other files that end in `.spec` may be just
 * sources. If no file has the flag, it is the only file that ends in `.spec`. Throws RpmFormatError if there is no such file or more than
 * one.
 */
export function findSpec(files: readonly ListedFile[], label: string): string {
  const flagged = files.filter(({ flags }) => (flags & FILE_FLAG.SPECFILE) !== 0)
  const candidates = flagged.length > 0 ? flagged : files.filter(({ path }) => isSpecName(path))
  const names = candidates.map(({ path }) => path)
  const [spec] = names
  if (spec === undefined) refuse(label, 'it contains no spec file')
  if (names.length > 1) {
    const some = names.slice(0, 5).map(quote).join(', ')
    const which =
      flagged.length > 0
        ? 'files marked as its spec file'
        : 'spec files, and its header marks none of them'
    refuse(label, `it contains ${names.length} ${which}: ${some}`)
  }
  if (!isSpecName(spec))
    refuse(
      label,
      `its spec file is named ${quote(spec)}; the name must end in .spec and not begin with a dot`,
    )
  return spec
}

/** A published spec file must not be hidden. */
function isSpecName(name: string): boolean {
  return name.endsWith('.spec') && !name.startsWith('.')
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 80))
}
