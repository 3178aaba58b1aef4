import { readFileSync, watchFile, unwatchFile } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { messageOf } from './errors.ts'
import { type Logger, silentLog } from './log.ts'
import { certificatesIn, requireCertificates } from './pem.ts'

const LOOK_MS = 30_000

interface TrustOptions {
  log?: Logger
  look_ms?: number
}

/**
 * Makes the whole process trust the CAs in the files in addition to the public ones. The files are read again when they change, because a
 * cluster replaces its CA while programs run. If a changed file is incomplete or has no certificates, its previous certificates stay
 * trusted until its next change.
 */
export function trustAuthorities(
  paths: string[],
  { log = silentLog(), look_ms = LOOK_MS }: TrustOptions = {},
): Disposable {
  const known = getCACertificates('default')
  const trusted = new Map<string, string[]>()
  const trust = (): void => setDefaultCACertificates([...known, ...[...trusted.values()].flat()])
  for (const path of paths) trusted.set(path, certificatesIn(readFileSync(path, 'utf8'), path))
  if (paths.length > 0) trust()

  const readAgain = (path: string): void => {
    const former = trusted.get(path) ?? []
    try {
      trusted.set(path, requireCertificates(readFileSync(path, 'utf8'), path))
      trust()
      log.info({ file: path }, 'Trusts the renewed authorities')
    } catch (error) {
      trusted.set(path, former)
      log.error(
        { file: path, reason: messageOf(error) },
        'Cannot load the renewed authorities, still trusting the previous ones',
      )
    }
  }
  return onChange(paths, readAgain, look_ms)
}

/**
 * Calls `then` for each file that has changed. The files are polled, because Kubernetes replaces files in volumes by switching a symbolic
 * link.
 */
export function onChange(
  paths: string[],
  then: (path: string) => void,
  look_ms = LOOK_MS,
): Disposable {
  const watched = paths.map((path) => {
    const changed = (now: { mtimeMs: number }): void => {
      // 0 means that the file does not exist at this moment, because it is being replaced.
      if (now.mtimeMs !== 0) then(path)
    }
    watchFile(path, { interval: look_ms, persistent: false }, changed)
    return () => unwatchFile(path, changed)
  })
  return { [Symbol.dispose]: () => watched.forEach((unwatch) => unwatch()) }
}
