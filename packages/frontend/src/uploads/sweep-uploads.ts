import { uploadsInUse } from '@copr/domain/builds/build-queries'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Frontend } from '../frontend.ts'

/** Longer than any upload takes. */
const KEPT_MS = 24 * 60 * 60 * 1000

/** One step of a loop: removes uploads that nobody needs any more, and what a killed process left behind. */
export async function sweepUploads({
  db,
  uploads_dir,
  now,
}: Pick<Frontend, 'db' | 'uploads_dir' | 'now'>): Promise<void> {
  const before = now().getTime() - KEPT_MS
  const needed = new Set(await uploadsInUse(db))
  for (const name of await readdir(uploads_dir).catch(() => [])) {
    const path = join(uploads_dir, name)
    const facts = await stat(path).catch(() => undefined)
    if (facts && facts.mtimeMs < before && !needed.has(name))
      await rm(path, { recursive: true, force: true })
  }
}
