/** A file to put into a cpio archive; defaults are derived from the other values. */
export interface ArchivedFile {
  name: string
  content?: Buffer | string
  /** file type and permissions; default: a regular file with mode 0644 */
  mode?: number
  /** the size that the archive declares */
  archivedSize?: number
  /** whether the package's header lists the file */
  isListed?: boolean
  /** whether the archive contains the file */
  isArchived?: boolean
}

/** Builds a cpio archive with these files, or one in rpm's stripped format. */
export function cpioArchive(files: ArchivedFile[], isStripped: boolean): Buffer {
  const listed = files.filter(({ isListed = true }) => isListed)
  const members = files
    .filter(({ isArchived = true }) => isArchived)
    .map((file) => {
      const content = Buffer.from(file.content ?? '')
      const header = isStripped ? strippedHeader(listed.indexOf(file)) : newcHeader(file, content)
      return Buffer.concat([padded(header), padded(content)])
    })
  return Buffer.concat([
    ...members,
    padded(newcHeader({ name: 'TRAILER!!!', mode: 0 }, Buffer.alloc(0))),
  ])
}

function strippedHeader(index: number): Buffer {
  return Buffer.from(`07070X${hex(index)}`)
}

function newcHeader(
  { name, mode = 0o100644, archivedSize }: ArchivedFile,
  content: Buffer,
): Buffer {
  const path = Buffer.from(`${name}\0`)
  const size = archivedSize ?? content.length
  const fields = [1, mode, 0, 0, 1, 1_700_000_000, size, 0, 0, 0, 0, path.length, 0]
  return Buffer.concat([Buffer.from(`070701${fields.map(hex).join('')}`), path])
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}
