import {
  type Action,
  claimAction,
  endAction,
  postponeAction,
  renewAction,
} from '@copr/domain/actions/actions'
import { CoprError } from '@copr/process/errors'
import type { Backend } from './context.ts'
import { fillFork } from './fork/fill-fork.ts'

const LEASE_SECONDS = 60
const MAX_BACKOFF_SECONDS = 300

/** Runs the actions that are due, one at a time. An interrupted action is claimed and restarted after its lease has expired. */
export async function actionsDue(backend: Backend, stop: AbortSignal): Promise<void> {
  const { db, now, log } = backend
  while (!stop.aborted) {
    const action = await claimAction(db, { now: now(), lease_seconds: LEASE_SECONDS })
    if (!action) return
    const keep = (): Promise<void> =>
      renewAction(db, action.id, { now: now(), lease_seconds: LEASE_SECONDS })
    try {
      await run(backend, action, { keep, stop })
      await endAction(db, action.id, { now: now() })
      log.info({ action_id: action.id, kind: action.kind }, 'Action done')
    } catch (err) {
      if (stop.aborted) return
      if (err instanceof CoprError) {
        await endAction(db, action.id, { now: now(), error: err.message })
        log.error({ err, action_id: action.id }, 'Action failed')
        continue
      }
      const wait_seconds = Math.min(2 ** action.attempts, MAX_BACKOFF_SECONDS)
      log.error({ err, action_id: action.id, wait_seconds }, 'Action failed, retrying')
      await postponeAction(db, action.id, { now: now(), wait_seconds })
    }
  }
}

async function run(
  backend: Backend,
  action: Action,
  tools: { keep: () => Promise<void>; stop: AbortSignal },
): Promise<void> {
  switch (action.kind) {
    case 'fork':
      return await fillFork(backend, action, tools)
  }
}
