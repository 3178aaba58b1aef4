import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CORPUS = fileURLToPath(new URL('corpus', import.meta.url))

/** The inputs that are kept of a target: those that reached something new, and every finding. */
export function readCorpus(target: string): { name: string; bytes: Buffer }[] {
  const dir = join(CORPUS, target)
  mkdirSync(dir, { recursive: true })
  return readdirSync(dir)
    .toSorted()
    .map((name) => ({ name, bytes: readFileSync(join(dir, name)) }))
}

/** Keeps an input under its digest, so that the same one is there once. */
export function keepInput(target: string, kind: 'input' | 'finding', bytes: Buffer): string {
  const dir = join(CORPUS, target)
  mkdirSync(dir, { recursive: true })
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
  const path = join(dir, `${kind}-${digest}`)
  writeFileSync(path, bytes)
  return path
}
