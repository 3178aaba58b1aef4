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

/** The folder of roots, downloads and logs; outside the checkout, like everything that tests keep. */
export const FRESH_CACHE = join(CACHE_DIR, 'fresh')
const DAY_MS = 24 * 3600 * 1000
const WEEK_MS = 7 * DAY_MS

export interface CachedRoot {
  /** The pristine root, which must not be changed. */
  dir: string
  /** Its packages, as downloaded in earlier runs. */
  downloads: string
}

/**
 * Returns the root with the README's prerequisites installed. It is rebuilt when its inputs change, and every week, so that updates of the
 * distribution are tried, too.
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

/** Deletes roots with other inputs that no run has used for a day, and the unfinished roots of killed runs. */
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

/** Whether a process is running; unfinished folders of this cache are named after the process that fills them. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
