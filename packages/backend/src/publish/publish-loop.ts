import { randomUUID } from 'node:crypto'
import { claimPublish, renewLease, type TaskRow } from '@copr/domain/queue/leases'
import { requeueTask } from '@copr/domain/builds/task-outcomes'
import { messageOf } from '@copr/process/errors'
import { withLogFields } from '@copr/process/log-fields'
import type { Backend } from '../context.ts'
import { publishTask } from './publish-task.ts'

/** The lease is renewed during the work, so it can be short. When a process is killed, another publisher soon takes over its task. */
const LEASE_SECONDS = 9
const MAX_BACKOFF_SECONDS = 60

/** Publishes the waiting builds, one at a time, until none is left. */
export async function publishDue(backend: Backend, stop: AbortSignal): Promise<void> {
  const { db, now } = backend
  while (!stop.aborted) {
    const lease = randomUUID()
    const task = await claimPublish(db, { lease, now: now(), lease_seconds: LEASE_SECONDS })
    if (!task) return
    const { build_id, task_id } = task
    // The request ID is also sent to keygen, which logs it, so that the signatures for this build can be found in keygen's log.
    const fields = { request_id: randomUUID(), build_id, task_id }
    await withLogFields(fields, () => publishLeased(backend, task, lease))
  }
}

async function publishLeased(backend: Backend, task: TaskRow, lease: string): Promise<void> {
  const { db, log, now } = backend
  const renew = () => renewLease(db, { lease, now: now(), lease_seconds: LEASE_SECONDS })
  const checkLease = async (): Promise<void> => {
    if (!(await renew()))
      throw new Error(
        'Cannot continue publishing: the lease has expired; another worker has the task',
      )
  }
  const renewal = setInterval(
    () => {
      renew().catch((err: unknown) => log.warn({ err }, 'Cannot renew the lease of a publish task'))
    },
    (LEASE_SECONDS * 1000) / 3,
  )
  try {
    await publishTask(backend, task, { lease, checkLease })
  } catch (err) {
    clearInterval(renewal)
    const wait_seconds = Math.min(2 ** (task.attempts - 1), MAX_BACKOFF_SECONDS)
    log.error({ err, wait_seconds }, 'Cannot publish, retrying')
    const reason = messageOf(err)
    await requeueTask(db, lease, { reason, max_attempts: Infinity, now: now(), wait_seconds })
  } finally {
    clearInterval(renewal)
  }
}
