import { Readable } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { refuse, RpmFormatError } from './errors.ts'
import { decompressLzma, decompressXz } from './xz.ts'

/** By the names that rpm gives them in PAYLOADCOMPRESSOR. */
export type Compressor = 'identity' | 'gzip' | 'zstd' | 'xz' | 'lzma'

/** A window of at most 128 MiB: what zstd itself allows without being told. */
const ZSTD_WINDOW_LOG = 27

/**
 * Decompresses piece by piece; how much may come out is for the caller to limit. Stops reading when the
 * caller stops. Throws RpmFormatError for damaged data.
 */
export async function* decompress(
  chunks: AsyncIterable<Buffer>,
  compressor: Compressor,
  label: string,
): AsyncGenerator<Buffer> {
  try {
    yield* decompressed(chunks, compressor)
  } catch (error) {
    if (error instanceof RpmFormatError) throw error
    if (isInputOutputError(error)) throw error
    refuse(label, `its payload is damaged (${(error as Error).message})`, { cause: error })
  }
}

function decompressed(
  chunks: AsyncIterable<Buffer>,
  compressor: Compressor,
): AsyncIterable<Buffer> {
  switch (compressor) {
    case 'identity':
      return chunks
    case 'gzip':
      return through(chunks, createGunzip())
    case 'zstd':
      return through(
        chunks,
        createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
      )
    case 'xz':
      return decompressXz(chunks)
    case 'lzma':
      return decompressLzma(chunks)
  }
}

/** pipe() passes data and the end on, but neither errors nor an early stop. */
async function* through(
  chunks: AsyncIterable<Buffer>,
  decompressor: ReturnType<typeof createGunzip>,
): AsyncGenerator<Buffer> {
  const source = Readable.from(chunks)
  source.once('error', (error) => decompressor.destroy(error))
  try {
    yield* source.pipe(decompressor) as AsyncIterable<Buffer>
  } finally {
    source.destroy()
    decompressor.destroy()
  }
}

/** A failing disk does not make the package a bad one. */
function isInputOutputError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
