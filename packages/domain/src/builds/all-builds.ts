import type { Db } from '../database/open.ts'
import { type BuildFilter, type BuildPage, listBuildIds } from './build-queries.ts'
import { type BuildSummary, loadBuildSummaries } from './build-summaries.ts'

/** Maximum number of builds in memory at a time. */
const CHUNK = 500

/**
 * Yields the builds that match the filter; reads them in chunks. Each chunk starts after the last ID of the previous one (keyset
 * pagination), so that builds added or deleted in the meantime cause neither duplicates nor gaps.
 */
export async function* allBuilds(
  db: Db,
  filter: BuildFilter,
  { limit = Infinity, offset, descending }: BuildPage,
): AsyncGenerator<BuildSummary[]> {
  let left = limit
  let from: BuildFilter = filter
  let skip = offset
  while (left > 0) {
    const wanted = Math.min(left, CHUNK)
    const ids = await listBuildIds(db, from, { limit: wanted, offset: skip, descending })
    const last = ids.at(-1)
    if (last === undefined) return
    yield await loadBuildSummaries(db, ids)
    if (ids.length < wanted) return
    left -= ids.length
    skip = 0
    from = { ...filter, ...(descending ? { before_id: last } : { after_id: last }) }
  }
}
