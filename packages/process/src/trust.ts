import { readFileSync, watchFile, unwatchFile } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const LOOK_MS = 30_000

/**
 * Trusts the authorities in the files besides the public ones, from now on and for the whole process. The files are read
 * again when they change: a cluster replaces its authority while programs run.
 */
export function trustAuthorities(paths: string[]): Disposable {
  const known = getCACertificates('default')
  const trust = (): void => {
    const found = paths.flatMap((path) => readFileSync(path, 'utf8').match(CERTIFICATE) ?? [])
    setDefaultCACertificates([...known, ...found])
  }
  if (paths.length > 0) trust()
  return onChange(paths, trust)
}

/** Calls back when one of the files has changed. Polls: volumes of a cluster change by links to links. */
export function onChange(paths: string[], then: () => void): Disposable {
  const changed = (now: { mtimeMs: number }): void => {
    // 0: it is just being replaced.
    if (now.mtimeMs !== 0) then()
  }
  for (const path of paths) watchFile(path, { interval: LOOK_MS, persistent: false }, changed)
  return { [Symbol.dispose]: () => paths.forEach((path) => unwatchFile(path, changed)) }
}
