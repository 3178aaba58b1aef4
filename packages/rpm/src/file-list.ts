import { refuse } from './errors.ts'
import type { HeaderBlock } from './header-block.ts'
import { getInt, getInts, getStrings, hasTag } from './header-values.ts'
import { HASH_NAME, TAG } from './tags.ts'

/** A file in the header's list. */
export interface ListedFile {
  /** in a source package, a file name without a directory */
  path: string
  size: number
  mode: number
  /** seconds since 1970 */
  mtime: number
  flags: number
  /** hex; '' when there is none (directories, symlinks) */
  digest: string
  /** Node's name for the digest algorithm; undefined if the algorithm is unknown */
  digestAlgorithm: string | undefined
}

/** Returns the files that the header lists, in the header's order. */
export function listFiles(header: HeaderBlock): ListedFile[] {
  const paths = filePaths(header)
  const sizes = getInts(
    header,
    hasTag(header, TAG.LONGFILESIZES) ? TAG.LONGFILESIZES : TAG.FILESIZES,
  )
  const modes = getInts(header, TAG.FILEMODES)
  const mtimes = getInts(header, TAG.FILEMTIMES)
  const flags = getInts(header, TAG.FILEFLAGS)
  const digests = getStrings(header, TAG.FILEDIGESTS)
  const digestAlgorithm = HASH_NAME[getInt(header, TAG.FILEDIGESTALGO) ?? 1]
  if (sizes.length !== paths.length || modes.length !== paths.length)
    refuse(
      header.label,
      `it lists ${paths.length} files but ${sizes.length} sizes and ${modes.length} modes`,
    )
  return paths.map((path, i) => ({
    path,
    size: sizes[i] ?? 0,
    mode: modes[i] ?? 0,
    mtime: mtimes[i] ?? 0,
    flags: flags[i] ?? 0,
    digest: digests[i] ?? '',
    digestAlgorithm,
  }))
}

function filePaths(header: HeaderBlock): string[] {
  if (!hasTag(header, TAG.BASENAMES)) return getStrings(header, TAG.OLDFILENAMES)
  const directories = getStrings(header, TAG.DIRNAMES)
  const indexes = getInts(header, TAG.DIRINDEXES)
  return getStrings(header, TAG.BASENAMES).map((name, i) => {
    const directory = directories[indexes[i] ?? -1]
    return directory === undefined
      ? refuse(header.label, `file ${i} in its list has no directory`)
      : directory + name
  })
}
