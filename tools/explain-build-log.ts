/**
 * Prints why builds failed, as the builds' pages would explain it from the same logs. Usage: `node tools/explain-build-log.ts FILE [FILE
 * ...]`.
 */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FailureScanner } from '@copr/builder/failure/failure-scanner'

for (const path of process.argv.slice(2)) {
  const scanner = new FailureScanner()
  const file = createReadStream(path)
  const log: Readable = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  for await (const chunk of log) scanner.write(chunk as Uint8Array)
  process.stdout.write(`${JSON.stringify({ path, ...scanner.details() }, undefined, 2)}\n`)
}
