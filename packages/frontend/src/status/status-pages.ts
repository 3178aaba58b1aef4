import {
  listLost,
  listQueue,
  QUEUE_STATES,
  queueCounts,
  type QueuedTask,
  type QueueState,
} from '@copr/domain/queue/list-queue'
import { type PoolOverview, poolOverview } from '@copr/domain/pools/pool-overview'
import { type WaitingReason, waitingReasons } from '@copr/domain/queue/waiting-reasons'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { heading, layout } from '../pages/layout.ts'
import { idOf, more } from '../pages/page-links.ts'
import { card, empty, secondsText, table, time } from '../pages/parts.ts'
import { lostNotice, retryNotice } from '../builds/retry-notice.ts'
import { paths } from '../pages/paths.ts'
import { type Html, viewOf } from '../pages/view.ts'

const PER_PAGE = 100

const TITLES: Record<QueueState, string> = {
  pending: 'Pending',
  starting: 'Starting',
  running: 'Running',
  importing: 'Importing',
}

const LOST_SHOWN = 20

/** Serves the pages of the queue and of the builders. */
export function statusPages(frontend: Frontend): Hono {
  const { db, now } = frontend
  const { max_attempts } = frontend.config.limits
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
        ${tasks.length === 0 ? empty('No tasks', html`No task is ${state} at the moment.`) : taskTable(tasks, max_attempts)}
      </div>
      ${more(found.length > PER_PAGE, `?after=${tasks.at(-1)?.id ?? 0}`)}`
    return c.html(await layout(view, `${TITLES[state]} tasks`, body))
  })

  app.get('/status/builders', async (c) => {
    const view = await viewOf(c, frontend)
    const pools = await poolOverview(db, now())
    const unmet = await waitingReasons(db)
    const lost = await listLost(db, LOST_SHOWN)
    const body = html`${heading('Build queue')}
      <div id="queue" data-live="5" class="stack">
        ${states(await queueCounts(db), 'builders')}
        ${pools.length === 0 ? empty('No builders', html`Builds cannot run at the moment.`) : poolTable(pools)}
        ${lost.length === 0 ? '' : card('Retried because a machine was lost', taskTable(lost, max_attempts))}
        ${unmet.length === 0 ? '' : card('Waiting, and no builder is starting', unmetTable(unmet))}
      </div>`
    return c.html(await layout(view, 'Builders', body))
  })
  return app
}

function poolTable(pools: PoolOverview[]): Html {
  return table(
    'Builders',
    ['Pool', 'Busy', 'Idle', 'Starting', 'Stopping', 'Maximum', 'Startup time', 'Remarks'],
    pools.map((pool) => [
      html`<strong>${pool.name}</strong>
        ${pool.description === '' ? '' : html`<p class="quiet">${pool.description}</p>`}`,
      html`${pool.busy}`,
      html`${pool.idle}`,
      html`${pool.starting}`,
      html`${pool.ending + pool.set_aside}`,
      html`${pool.max ?? '–'}`,
      html`${pool.start_seconds === null ? '–' : secondsText(Math.round(pool.start_seconds))}`,
      html`${remark(pool)}`,
    ]),
  )
}

/** A remark on a pool's state. It omits the clouds' error messages, which only administrators may see. */
function remark({ is_retired, is_cordoned, hold_reason }: PoolOverview): string {
  if (is_retired) return 'being removed'
  if (is_cordoned) return 'cordoned by an administrator: starts no builders'
  return hold_reason === null ? '' : 'starts no builders for now, after failures'
}

function unmetTable(unmet: WaitingReason[]): Html {
  return table(
    'Waiting',
    ['Owner', 'Tasks', 'Requires', 'Reason', 'Since'],
    unmet.map(({ ownername, tasks, arch, tags, reason, since }) => [
      html`${ownername}`,
      html`${tasks}`,
      html`${[arch, ...tags].filter((each) => each !== '').join(', ') || 'any builder'}`,
      html`${reason === '' ? 'all builders are busy' : reason}`,
      time(since),
    ]),
  )
}

function states(counts: Record<QueueState, number>, current: QueueState | 'builders'): Html {
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
      <li class="pf-v6-c-tabs__item ${current === 'builders' ? 'pf-m-current' : ''}">
        <a
          class="pf-v6-c-tabs__link"
          href="${paths.builders()}"
          ${current === 'builders' ? 'aria-current=page' : ''}
        >
          <span class="pf-v6-c-tabs__item-text">Builders</span>
        </a>
      </li>
    </ul>
  </nav>`
}

function taskTable(tasks: QueuedTask[], max_attempts: number): Html {
  return table(
    'Tasks',
    ['Build', 'Package', 'Project', 'Chroot', 'Queued', 'Started', 'Builder'],
    tasks.map((task) => [
      html`<a href="${paths.build({ ...task, id: task.build_id })}">${task.build_id}</a>`,
      html`${task.package_name ?? '–'}`,
      html`<a href="${paths.project({ ownername: task.ownername, name: task.projectname })}"
          >${task.ownername}/${task.dirname}</a
        >
        ${task.is_background ? html`<span class="quiet">background</span>` : ''}`,
      html`${task.chroot ?? 'source package'}
      ${lostNotice(retryNotice({ ...task, state: task.leased_at ? 'running' : 'queued' }, max_attempts))}`,
      time(task.queued_at),
      time(task.leased_at),
      html`${task.machine ?? '–'}`,
    ]),
  )
}
