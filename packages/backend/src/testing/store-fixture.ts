import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type { ResultFile } from '@copr/contract/builder-protocol'
import { type ResultsPath, resultPath } from '../store/paths.ts'
import type { Found, ResultsStore } from '../store/results-store.ts'

/** A store for tests, with access to its files from outside. */
export interface StoreFixture extends AsyncDisposable {
  store: ResultsStore
  /** Opens a store for the same files, as another process would. */
  another(): ResultsStore
  /** Stores a file as the frontend does when a user has uploaded it. */
  upload(dir: string, name: string, data: Uint8Array): Promise<void>
}

export const REPOSITORY = 'dana/telescope/debian-12-x86_64' as ResultsPath
export const KEY = { task: 7, lease: '5f0c7e0e-0000-4000-8000-000000000001' }
export const AMPLE = { offset: 0, max_total: 1024 ** 3 }

export function resultsOf(build_id: number, dirname = 'telescope'): ResultsPath {
  const result_dir = `${String(build_id).padStart(8, '0')}-hello`
  return resultPath({ ownername: 'dana', dirname, chroot: 'debian-12-x86_64', result_dir })
}

/** Returns a request body that arrives in pieces and, if `breaks` is set, fails after the last piece. */
export function bodyOf(
  pieces: (string | Uint8Array)[],
  { breaks = false }: { breaks?: boolean } = {},
): ReadableStream<Uint8Array> {
  const waiting = pieces.map((piece) => new Uint8Array(Buffer.from(piece)))
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const next = waiting.shift()
    if (next) controller.enqueue(next)
    else if (breaks) controller.error(new Error('The client disconnected'))
    else controller.close()
  }
  // No read-ahead, because pieces that were read ahead would be lost when the body fails.
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}

export function listed(name: string, data: string | Uint8Array): ResultFile {
  const bytes = Buffer.from(data)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { name, size: bytes.length, sha256 }
}

export async function found(store: ResultsStore, path: string): Promise<Found> {
  return await store.find(path.split('/'))
}

/** Returns the bytes that a client gets for a path of the public tree; undefined if there is no file. */
export async function readTree(
  store: ResultsStore,
  path: string,
  range?: { start: number; end: number },
): Promise<Buffer | undefined> {
  const it = await found(store, path)
  if (it?.kind !== 'file') return undefined
  return Buffer.from(await new Response(await it.file.read(range)).arrayBuffer())
}

export async function textIn(
  store: ResultsStore,
  path: string,
  range?: { start: number; end: number },
): Promise<string | undefined> {
  return (await readTree(store, path, range))?.toString()
}

export async function unpackedIn(store: ResultsStore, path: string): Promise<string | undefined> {
  const packed = await readTree(store, path)
  return packed && gunzipSync(packed).toString()
}

/** Returns the names in a folder of the tree, with a slash after each folder's name. */
export async function namesIn(store: ResultsStore, path: string): Promise<string[]> {
  const entries = await store.list(path.split('/').filter(Boolean))
  return entries.map(({ name, isDir }) => (isDir ? `${name}/` : name)).toSorted()
}
