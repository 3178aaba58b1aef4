import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CORPUS = fileURLToPath(new URL('corpus', import.meta.url))

/** Reads the corpus of a target: the inputs that reached new code, and all findings. */
export function readCorpus(target: string): { name: string; bytes: Buffer }[] {
  const dir = join(CORPUS, target)
  mkdirSync(dir, { recursive: true })
  return readdirSync(dir)
    .toSorted()
    .map((name) => ({ name, bytes: readFileSync(join(dir, name)) }))
}

/** Saves an input in a file named after its digest, so that equal inputs are saved only once. */
export function keepInput(target: string, kind: 'input' | 'finding', bytes: Buffer): string {
  const dir = join(CORPUS, target)
  mkdirSync(dir, { recursive: true })
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
  const path = join(dir, `${kind}-${digest}`)
  writeFileSync(path, bytes)
  return path
}
