import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import { CACHE_DIR } from '../../packages/testkit/src/system/start-system.ts'
import type { FreshRoot } from './fresh-root.ts'

/** The folder for roots, downloads and logs. It is outside the checkout, like everything that tests keep. */
export const FRESH_CACHE = join(CACHE_DIR, 'fresh')
const DAY_MS = 24 * 3600 * 1000
const WEEK_MS = 7 * DAY_MS

export interface CachedRoot {
  /** The pristine root, which must not be changed. */
  dir: string
  /** Packages for this root that earlier runs downloaded. */
  downloads: string
}

/**
 * Returns the root with the README's prerequisites installed. The root is rebuilt when its inputs change and once a week, so that updates
 * of the distribution are also tried.
 */
export async function cachedRoot(
  root: FreshRoot,
  { now, ...options }: { now: Date; onOutput: (chunk: Buffer) => void; signal: AbortSignal },
): Promise<CachedRoot & { made: boolean }> {
  const parent = join(FRESH_CACHE, 'roots')
  const week = Math.floor(now.getTime() / WEEK_MS)
  const name = `${root.name}-${digest({ week, recipe: readFileSync(root.recipe, 'utf8'), inputs: await root.inputs() })}`
  const dir = join(parent, name)
  const downloads = join(dir, 'downloads')
  if (existsSync(dir)) {
    utimesSync(dir, now, now)
    return { dir: join(dir, 'root'), downloads, made: false }
  }
  const work = `${dir}.${process.pid}`
  mkdirSync(join(work, 'root'), { recursive: true })
  mkdirSync(join(work, 'downloads'))
  try {
    await root.make(join(work, 'root'), options)
    // A concurrent run may have built the same root.
    if (!existsSync(dir)) renameSync(work, dir)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  removePrevious(parent, root.name, name, now)
  return { dir: join(dir, 'root'), downloads, made: true }
}

function digest(inputs: unknown): string {
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 12)
}

/** Deletes roots that were built from other inputs if no run has used them for a day, and the unfinished roots of killed runs. */
export function removePrevious(parent: string, rootName: string, current: string, now: Date): void {
  const isOfRoot = new RegExp(`^${rootName}-[0-9a-f]{12}(?:\\.(\\d+))?$`)
  for (const entry of readdirSync(parent)) {
    const [, maker] = isOfRoot.exec(entry) ?? []
    const dir = join(parent, entry)
    const isUnused =
      maker === undefined
        ? isOfRoot.test(entry) && now.getTime() - statSync(dir).mtimeMs > DAY_MS
        : !isAlive(Number(maker))
    if (isUnused && entry !== current) rmSync(dir, { recursive: true, force: true })
  }
}

/** Whether a process is running. The name of an unfinished folder in this cache includes the ID of the process that fills it. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
