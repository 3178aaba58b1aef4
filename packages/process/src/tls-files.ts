import { createSecureContext } from 'node:tls'
import { messageOf } from './errors.ts'
import type { Logger } from './log.ts'
import { requireCertificates } from './pem.ts'
import { readSettled, SETTLE_MS } from './replaced-file.ts'

/** Maximum reads of the pair at startup, in case it is being renewed just then. */
const START_READS = 5

export interface TlsFiles {
  certificate_file: string
  key_file: string
}

/** The TLS options of a server that change when the certificate is renewed. */
export interface TlsPair {
  cert: string
  key: string
  minVersion: 'TLSv1.3'
}

/** Reads the certificate and key with which a server starts. Throws if the files are still invalid after a few reads. */
export async function readTls(files: TlsFiles): Promise<TlsPair> {
  for (let reads = 1; ; reads++) {
    try {
      return pairOf(await readSettled(pathsOf(files)), files)
    } catch (cause) {
      if (reads === START_READS) throw new Error('Cannot serve HTTPS', { cause })
    }
  }
}

export interface FollowOptions {
  reload_seconds: number
  log: Logger
  /** Called with each renewed pair; throws when it cannot be used. */
  take: (pair: TlsPair) => void
}

/**
 * Checks a certificate and its key for changes every `reload_seconds`. A new pair is used once it is complete and its files match. Until
 * then, the server keeps the previous pair. A persistent error is logged only once.
 */
export function followTls(files: TlsFiles, served: TlsPair, options: FollowOptions): Disposable {
  const { reload_seconds, log, take } = options
  const settle_ms = Math.min(SETTLE_MS, reload_seconds * 1000)
  let known = [served.cert, served.key]
  let reported: string | undefined
  let timer: NodeJS.Timeout | undefined
  let is_disposed = false

  async function look(): Promise<void> {
    try {
      const read = await readSettled(pathsOf(files), known, settle_ms)
      if (is_disposed) return
      if (read !== known) {
        take(pairOf(read, files))
        known = read
        log.info({ ...files }, 'Loaded the renewed certificate')
      }
      reported = undefined
    } catch (error) {
      const reason = messageOf(error)
      if (reason !== reported && !is_disposed)
        log.error(
          { ...files, reason },
          'Cannot load the renewed certificate, still serving the previous one',
        )
      reported = reason
    }
    schedule()
  }

  function schedule(): void {
    if (is_disposed) return
    timer = setTimeout(() => void look(), reload_seconds * 1000)
    timer.unref()
  }

  schedule()
  return {
    [Symbol.dispose]() {
      is_disposed = true
      clearTimeout(timer)
    },
  }
}

function pathsOf({ certificate_file, key_file }: TlsFiles): [string, string] {
  return [certificate_file, key_file]
}

/** Validates the pair. If it did not, Node would treat an empty certificate or key as missing, and every handshake would fail. */
function pairOf([cert = '', key = '']: string[], files: TlsFiles): TlsPair {
  requireCertificates(cert, files.certificate_file)
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/.test(key))
    throw new Error(`Cannot use ${files.key_file}: it contains no complete private key`)
  const pair: TlsPair = { cert, key, minVersion: 'TLSv1.3' }
  try {
    createSecureContext(pair)
  } catch (cause) {
    throw new Error(`Cannot use ${files.certificate_file} with ${files.key_file}`, { cause })
  }
  return pair
}
