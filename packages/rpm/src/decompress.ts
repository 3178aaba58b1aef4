import { Readable } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { decompressBzip2 } from './bzip2.ts'
import { refuse, RpmFormatError } from './errors.ts'
import { decompressLzma, decompressXz } from './xz.ts'

/** The names that rpm uses for compressors in PAYLOADCOMPRESSOR. */
export type Compressor = 'identity' | 'gzip' | 'bzip2' | 'zstd' | 'xz' | 'lzma'

/** Allows windows of at most 128 MiB, which is also the default of the zstd command. */
const ZSTD_WINDOW_LOG = 27

/**
 * Decompresses a stream; the caller must limit the size of the output. Stops reading when the caller stops iterating. Throws RpmFormatError
 * if the data is damaged.
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
    case 'bzip2':
      return decompressBzip2(chunks)
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

/** Pipes chunks through a decompressor. Unlike pipe(), it propagates errors, and stops the source when the caller stops early. */
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

/** Whether an error was caused by the system, for example by a failing disk, and not by the package. */
function isInputOutputError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
