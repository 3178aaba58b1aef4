import { type PayloadEntry, type PayloadLimits, readCpio } from './cpio.ts'
import { type Compressor, decompress } from './decompress.ts'
import { refuse } from './errors.ts'
import { listFiles } from './file-list.ts'
import { getString } from './header-values.ts'
import {
  readRpmHeaderFrom,
  type RpmHeader,
  type RpmSource,
  withRpmFile,
  type RpmInput,
} from './header.ts'
import { TAG } from './tags.ts'

export type { PayloadEntry, PayloadLimits } from './cpio.ts'

const CHUNK_SIZE = 64 * 1024
const COMPRESSORS = [
  'identity',
  'gzip',
  'bzip2',
  'zstd',
  'xz',
  'lzma',
] as const satisfies Compressor[]
const GZIP_MAGIC = '1f8b'

/**
 * Visits the files of a package one at a time, in the archive's order. Digests are not checked: see verifyDigests(). Throws RpmFormatError
 * if the payload is damaged or exceeds the limits.
 */
export async function readPayload(
  from: RpmInput,
  limits: PayloadLimits,
  visit: (entry: PayloadEntry) => Promise<void>,
): Promise<void> {
  await withRpmFile(from, async (source) => {
    const rpm = await readRpmHeaderFrom(source)
    for await (const entry of payloadEntries(
      rpm,
      new PayloadBytes(source, rpm.payloadStart),
      limits,
    ))
      await visit(entry)
  })
}

export async function* payloadEntries(
  rpm: RpmHeader,
  bytes: PayloadBytes,
  limits: PayloadLimits,
): AsyncGenerator<PayloadEntry> {
  const { label, header } = rpm
  const format = getString(header, TAG.PAYLOADFORMAT) ?? 'cpio'
  if (format !== 'cpio')
    refuse(label, `its payload format ${JSON.stringify(format)} is not supported`)
  const plain = decompress(bytes, await compressorOf(rpm, bytes), label)
  yield* readCpio(plain, { label, files: listFiles(header), limits })
}

async function compressorOf(
  { label, header }: RpmHeader,
  bytes: PayloadBytes,
): Promise<Compressor> {
  const name = getString(header, TAG.PAYLOADCOMPRESSOR)
  // rpm omits the compressor if the payload is uncompressed; in the 1990s, it also did so if the compressor was gzip
  if (name === undefined)
    return (await bytes.peek(2)).toString('hex') === GZIP_MAGIC ? 'gzip' : 'identity'
  return (
    COMPRESSORS.find((known) => known === name) ??
    refuse(label, `its payload compressor ${JSON.stringify(name.slice(0, 80))} is not supported`)
  )
}

/** The compressed payload as chunks. If an iteration stops early, a later one continues at the same position. */
export class PayloadBytes implements AsyncIterable<Buffer> {
  readonly #source: RpmSource
  readonly #onChunk: (chunk: Buffer) => void
  #position: number
  #reading: Promise<Buffer | undefined> = Promise.resolve(undefined)

  constructor(source: RpmSource, start: number, onChunk: (chunk: Buffer) => void = () => {}) {
    this.#source = source
    this.#position = start
    this.#onChunk = onChunk
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    await this.#reading.catch(() => undefined) // waits for a read of an earlier, abandoned iteration
    for (;;) {
      this.#reading = this.#readChunk()
      const chunk = await this.#reading
      if (!chunk) return
      yield chunk
    }
  }

  async peek(length: number): Promise<Buffer> {
    return await this.#source.read(this.#position, length)
  }

  async #readChunk(): Promise<Buffer | undefined> {
    const missing = this.#source.size - this.#position
    if (missing <= 0) return undefined
    const chunk = await this.#source.read(this.#position, Math.min(CHUNK_SIZE, missing))
    if (chunk.length === 0) refuse(this.#source.label, 'it became shorter while it was read')
    this.#position += chunk.length
    this.#onChunk(chunk)
    return chunk
  }
}
