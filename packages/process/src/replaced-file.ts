import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'

/** Longer than any program takes between truncating a small file and writing it. */
export const SETTLE_MS = 200
/** Maximum number of reads of a file that keeps changing. */
const MAX_READS = 25

/**
 * Reads files that other programs replace in place, by rename, or by switching a symbolic link. Content other than `known` is
 * returned only when two successive reads agree: a half-written file may parse without an error, and files that belong together
 * may be read from two generations.
 */
export async function readSettled(
  paths: string[],
  known?: string[],
  settle_ms = SETTLE_MS,
): Promise<string[]> {
  let last = await readAll(paths)
  if (isDeepStrictEqual(last, known)) return known ?? []
  for (let reads = 1; reads < MAX_READS; reads++) {
    await sleep(settle_ms)
    const now = await readAll(paths)
    if (isDeepStrictEqual(now, last)) return now.map(textOf)
    last = now
  }
  throw new Error(`Cannot read ${paths.join(' and ')}: they keep changing`)
}

/** Reads all files. Returns errors in place of the text, because a file that is briefly missing is read again, too. */
async function readAll(paths: string[]): Promise<(string | NodeJS.ErrnoException)[]> {
  return await Promise.all(
    paths.map((path) =>
      readFile(path, 'utf8').catch((error: unknown) => error as NodeJS.ErrnoException),
    ),
  )
}

function textOf(read: string | NodeJS.ErrnoException): string {
  if (typeof read !== 'string') throw read
  return read
}

/** Reads a pools file or another single file as readSettled() does, and remembers the content that it returned last. */
export function settledFile(path: string): () => Promise<string> {
  let known: string[] | undefined
  return async () => {
    known = await readSettled([path], known)
    return known[0] ?? ''
  }
}

/**
 * Reads a token or a CA bundle for each request. While the file is missing, is empty, or makes `check` throw, the last good
 * content is used; if there is none, the read fails.
 */
export function lastGoodFile(
  path: string,
  check: (text: string) => void = () => {},
): () => Promise<string> {
  let good: string | undefined
  return async () => {
    try {
      const text = (await readFile(path, 'utf8')).trim()
      if (text === '') throw new Error(`Cannot use ${path}: it is empty`)
      check(text)
      good = text
      return text
    } catch (error) {
      if (good === undefined) throw error
      return good
    }
  }
}
