import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, open, rename } from 'node:fs/promises'
import { dirname as parentOf } from 'node:path'
import { CoprError } from '@copr/process/errors'
import { hasCode, makeDirDurably, syncDir } from './layout.ts'

/** A file in a temporary folder, before it is moved to its place. */
export interface Source {
  name: string
  path: string
  md5: string
  sha256: string
}

/** Moves a source file to its place in the lookaside cache. If the file is already there, it is kept, unless it is damaged. */
export async function storeSource(source: Source, place: string): Promise<void> {
  const stored = await digests(place)
  if (stored?.sha256 === source.sha256) return
  if (stored?.md5 === source.md5)
    throw new CoprError(
      'invalid',
      `Cannot import ${source.name}: another file of this name has the same MD5 sum ${source.md5}`,
    )
  await chmod(source.path, 0o644)
  {
    await using handle = await open(source.path, 'r+')
    await handle.sync()
  }
  await makeDirDurably(parentOf(place))
  await rename(source.path, place)
  await syncDir(parentOf(place))
}

/** Returns the content of the file `sources`, in the old format, which all dist-git clients can read. */
export function sourcesFile(sources: Source[]): Buffer {
  const lines = sources
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ md5, name }) => `${md5}  ${name}\n`)
  return Buffer.from(lines.join(''))
}

async function digests(path: string): Promise<{ md5: string; sha256: string } | undefined> {
  const md5 = createHash('md5')
  const sha256 = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path)) {
      md5.update(chunk)
      sha256.update(chunk)
    }
  } catch (err) {
    if (hasCode(err, 'ENOENT')) return undefined
    throw err
  }
  return { md5: md5.digest('hex'), sha256: sha256.digest('hex') }
}
