import {
  listQueue,
  QUEUE_STATES,
  queueCounts,
  type QueuedTask,
  type QueueState,
} from '@copr/domain/queue/waiting-tasks'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { heading, layout } from './layout.ts'
import { idOf, more } from './page-links.ts'
import { empty, table, time } from './parts.ts'
import { paths } from './paths.ts'
import { type Html, viewOf } from './view.ts'

const PER_PAGE = 100

const TITLES: Record<QueueState, string> = {
  pending: 'Pending',
  starting: 'Starting',
  running: 'Running',
  importing: 'Importing',
}

/** What the builders do now, and what waits for them. */
export function statusPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })

  app.get('/status', (c) => c.redirect(paths.status('pending'), 302))

  app.get(`/status/:state{${QUEUE_STATES.join('|')}}`, async (c) => {
    const view = await viewOf(c, frontend)
    const state = pathPart(c, 'state') as QueueState
    const after_id = idOf(c.req.query('after'))
    const found = await listQueue(db, state, { after_id, limit: PER_PAGE + 1 })
    const tasks = found.slice(0, PER_PAGE)
    const body = html`${heading('Build queue')}
      <div id="queue" data-live="5">
        ${states(await queueCounts(db), state)}
        ${tasks.length === 0 ? empty('Nothing here', html`No task is ${state} now.`) : taskTable(tasks)}
      </div>
      ${more(found.length > PER_PAGE, `?after=${tasks.at(-1)?.id ?? 0}`)}`
    return c.html(await layout(view, `${TITLES[state]} tasks`, body))
  })
  return app
}

function states(counts: Record<QueueState, number>, current: QueueState): Html {
  return html`<nav class="pf-v6-c-tabs" aria-label="State">
    <ul class="pf-v6-c-tabs__list">
      ${QUEUE_STATES.map(
        (state) =>
          html`<li class="pf-v6-c-tabs__item ${state === current ? 'pf-m-current' : ''}">
            <a
              class="pf-v6-c-tabs__link"
              href="${paths.status(state)}"
              ${state === current ? 'aria-current=page' : ''}
            >
              <span class="pf-v6-c-tabs__item-text">${TITLES[state]} ${counts[state]}</span>
            </a>
          </li>`,
      )}
    </ul>
  </nav>`
}

function taskTable(tasks: QueuedTask[]): Html {
  return table(
    'Tasks',
    ['Build', 'Package', 'Project', 'Chroot', 'Waits since', 'Runs since', 'Builder'],
    tasks.map((task) => [
      html`<a href="${paths.build({ ...task, id: task.build_id })}">${task.build_id}</a>`,
      html`${task.package_name ?? '–'}`,
      html`<a href="${paths.project({ ownername: task.ownername, name: task.projectname })}"
          >${task.ownername}/${task.dirname}</a
        >
        ${task.is_background ? html`<span class="quiet">background</span>` : ''}`,
      html`${task.chroot ?? 'source package'}`,
      time(task.queued_at),
      time(task.leased_at),
      html`${task.machine ?? '–'}`,
    ]),
  )
}
