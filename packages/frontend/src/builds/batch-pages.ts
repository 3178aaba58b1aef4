import { findBatch } from '@copr/domain/builds/batches'
import { loadBuildRows } from '@copr/domain/builds/build-summaries'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { buildTable } from './build-table.ts'
import { heading, layout } from '../pages/layout.ts'
import { idOf, more } from '../pages/page-links.ts'
import { paths } from '../pages/paths.ts'
import { viewOf } from '../pages/view.ts'

const PER_PAGE = 100

/** Serves pages about batches, which show a batch's builds and the batch for which it waits. */
export function batchPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })

  app.get('/batches/detail/:id{[0-9]+}', (c) =>
    c.redirect(paths.batch(Number(pathPart(c, 'id'))), 302),
  )

  app.get('/status/batches/detail/:id{[0-9]+}', async (c) => {
    const id = Number(pathPart(c, 'id'))
    const batch = await findBatch(db, id, {
      before_id: idOf(c.req.query('before')),
      limit: PER_PAGE + 1,
    })
    if (!batch) throw new CoprError('not_found', `Batch ${id} does not exist`)
    const view = await viewOf(c, frontend)
    const builds = await loadBuildRows(db, batch.build_ids.slice(0, PER_PAGE))
    const isMoving = builds.some(({ finished_at }) => finished_at === null)
    const before = batch.blocked_by
    const body = html`${heading(`Batch ${id}`)}
      ${before === null ? '' : html`<p>Starts when <a href="${paths.batch(before)}">batch ${before}</a> has finished.</p>`}
      <div id="builds" ${isMoving ? 'data-live=5' : ''}>
        ${buildTable(builds, { isOfOneProject: false })}
      </div>
      ${more(batch.build_ids.length > PER_PAGE, `?before=${builds.at(-1)?.id ?? 0}`)}`
    return c.html(await layout(view, `Batch ${id}`, body))
  })
  return app
}
