const MAX_NAME_BYTES = 255
/** Code points that some file systems ignore when they compare names. */
const IGNORED = /[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g

/**
 * Returns why a name must not be used for a source file in our directories or in git; undefined if it is safe. A name may begin with a dot,
 * as in `.clang-format`.
 */
export function sourceNameFault(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name === '.' || name === '..') return 'is that of a directory'
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`
  if (name.includes('/')) return "contains '/'"
  if (/\p{Cc}/u.test(name)) return 'contains a control character'
  if (name.includes('\ufffd')) return 'is not valid UTF-8'
  if (name.startsWith('-')) return "starts with '-'"
  if (name.split('\\').some(isGitDirectory)) return 'is one that git reserves'
  return undefined
}

/**
 * Whether some file system treats the name as `.git`: NTFS ignores trailing dots and spaces and names of streams, HFS+ ignores some code
 * points.
 */
function isGitDirectory(name: string): boolean {
  const [file = ''] = name.replace(IGNORED, '').split(':')
  return /^(?:\.git|git~1)[. ]*$/i.test(file)
}
