import { findBatch } from '@copr/domain/builds/batches'
import { loadBuilds } from '@copr/domain/builds/build-queries'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { buildTable } from './build-table.ts'
import { heading, layout } from './layout.ts'
import { paths } from './paths.ts'
import { viewOf } from './view.ts'

/** Builds that belong together, and what they wait for. */
export function batchPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })

  app.get('/batches/detail/:id{[0-9]+}', (c) =>
    c.redirect(paths.batch(Number(pathPart(c, 'id'))), 302),
  )

  app.get('/status/batches/detail/:id{[0-9]+}', async (c) => {
    const id = Number(pathPart(c, 'id'))
    const batch = await findBatch(db, id)
    if (!batch) throw new CoprError('not_found', `Batch ${id} does not exist`)
    const view = await viewOf(c, frontend)
    const builds = await loadBuilds(db, batch.build_ids)
    const isMoving = builds.some(({ finished_at }) => finished_at === null)
    const before = batch.blocked_by
    const body = html`${heading(`Batch ${id}`)}
      ${before === null ? '' : html`<p>It begins when <a href="${paths.batch(before)}">batch ${before}</a> has ended.</p>`}
      <div id="builds" ${isMoving ? 'data-live=5' : ''}>
        ${buildTable(builds, { isOfOneProject: false })}
      </div>`
    return c.html(await layout(view, `Batch ${id}`, body))
  })
  return app
}
