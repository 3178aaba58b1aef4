import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/** Returns a temporary name for a file. It is hidden, so that neither the HTTP tree nor an index shows the file. */
function temporaryName(path: string): string {
  return join(dirname(path), `.new-${randomUUID()}-${basename(path).slice(0, 100)}`)
}

/** Removes temporary files that a killed process left behind. */
export async function removeTemporary(dir: string): Promise<void> {
  for (const name of await readdir(dir))
    if (name.startsWith('.new-')) await rm(join(dir, name), { force: true })
}

/** Writes a file atomically: it appears as a whole or not at all. */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await using file = await open(temporary, 'wx', 0o644)
    await file.writeFile(data)
    await file.sync()
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Gives a file a second name, replacing any file of that name. */
export async function linkOver(from: string, to: string): Promise<void> {
  const temporary = temporaryName(to)
  await link(from, temporary)
  await rename(temporary, to)
  // If both names are links to the same file, rename() does nothing and leaves both.
  await rm(temporary, { force: true })
}

/** Returns the names of the plain files in a folder; undefined when there is no such folder. */
export async function filesIn(path: string): Promise<string[] | undefined> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Makes the names in a folder survive a power failure. */
export async function syncDir(path: string): Promise<void> {
  await using dir = await open(path, 'r')
  await dir.sync()
}

export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  await file.sync()
}

/** Makes a folder. Its parent must not be a link to another place, because only the backend makes folders here. */
export async function makeDir(path: string, mode = 0o755): Promise<void> {
  await mkdir(path, { recursive: true, mode })
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Returns when a folder, or a file directly in it, was last modified. */
export async function lastChange(dir: string): Promise<Date> {
  const names = await readdir(dir)
  const paths = [dir, ...names.map((name) => join(dir, name))]
  const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs))
  return new Date(Math.max(...times))
}

/** Returns a file's size in bytes; undefined when there is no such file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const { size } = await stat(path)
    return size
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

export function isMissing(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code))
  )
}

/** Compresses `x` to `x.gz`; does nothing if `x` no longer exists. */
export async function gzipInPlace(path: string): Promise<void> {
  if ((await sizeOf(path)) === undefined) return
  const temporary = temporaryName(`${path}.gz`)
  await pipeline(
    createReadStream(path),
    createGzip(),
    createWriteStream(temporary, { flags: 'wx' }),
  )
  await syncFile(temporary)
  await rename(temporary, `${path}.gz`)
  await rm(path)
}
