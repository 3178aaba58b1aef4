import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'

/** Longer than any program needs between truncating a small file and writing its new content. */
export const SETTLE_MS = 200
/** Maximum number of reads of a file that keeps changing. */
const MAX_READS = 25

/**
 * Reads files that other programs may replace in place, by rename, or by switching a symbolic link. Content that differs from `known` is
 * returned only if two successive reads agree: a half-written file may parse without an error, and a single read may return different
 * versions of files that belong together.
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

/** Reads all files. Returns errors instead of throwing them, because a file that is briefly missing must be read again, too. */
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

/** Returns a function that reads a single file as readSettled() does, and remembers the content that it last returned. */
export function settledFile(path: string): () => Promise<string> {
  let known: string[] | undefined
  return async () => {
    known = await readSettled([path], known)
    return known[0] ?? ''
  }
}

/**
 * Returns a function that reads a file, such as a token or a CA bundle, for each request. If the file is missing or empty, or if `check`
 * throws, it returns the last good content; if there is none, the read fails.
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
