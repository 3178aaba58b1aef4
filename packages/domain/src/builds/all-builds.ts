import type { Db } from '../database/open.ts'
import { type BuildFilter, type BuildPage, listBuildIds } from './build-queries.ts'
import { type BuildSummary, loadBuildSummaries } from './build-summaries.ts'

/** In memory at a time, whatever is asked for. */
const CHUNK = 500

/**
 * The builds of a list without end, some at a time. Each part goes on behind the last one's last id, so that builds which
 * come or go meanwhile neither repeat nor hide others.
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
