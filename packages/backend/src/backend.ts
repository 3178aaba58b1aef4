import { expireChroots } from '@copr/domain/retention/expire-chroots'
import { expireDirs } from '@copr/domain/retention/expire-dirs'
import { expireProjects } from '@copr/domain/retention/expire-projects'
import { advanceChains } from '@copr/domain/chains/advance-chains'
import { pruneBuilds } from '@copr/domain/retention/prune-builds'
import { dropOldDeliveries } from '@copr/domain/outbox/queues'
import { noteGatewayBeat } from '@copr/domain/pools/gateway-heartbeat'
import { requeueExpired } from '@copr/domain/builds/task-outcomes'
import { dropOldTickets } from '@copr/domain/signing/tickets'
import { dropOldStatuses } from '@copr/domain/received-webhooks/commit-statuses'
import { dropOldReceived } from '@copr/domain/received-webhooks/deliveries'
import { dropOldSeen } from '@copr/domain/received-webhooks/seen'
import { setTimeout as sleep } from 'node:timers/promises'
import { every } from '@copr/process/every'
import { measureResults } from './maintenance/measure-results.ts'
import { sealEndedLogs } from './maintenance/seal-ended-logs.ts'
import { dropStaleSrpms, dropStaleStaging } from './maintenance/stale-uploads.ts'
import { removeDue } from './maintenance/removals.ts'
import { followChangedKeys } from './publish/project-key.ts'
import { reportStatuses } from './commit-statuses/report-statuses.ts'
import { publishDue } from './publish/publish-loop.ts'
import { publishDueRepositories } from './publish/publish-repository.ts'
import { actionsDue } from './actions.ts'
import type { Backend } from './context.ts'

/** Number of builds that are verified and signed at the same time. */
const PUBLISHERS = 2
/** Number of repositories that are rendered at the same time; each holds a database connection until it is done. */
const RENDERERS = 2
/** An SRPM that no build needs is removed after it has not changed for this long; a more recent one may still be uploading. */
const UNUSED_SRPM_AGE_MS = 3_600_000
/** Interval at which changed keys are fetched. An hour is soon enough, because keys are extended a year before they expire. */
const FOLLOW_KEYS_SECONDS = 3_600
/** Only killed processes leave files in the trash, so emptying it is not urgent. */
const EMPTY_TRASH_SECONDS = 3_600
const CHECK_STORE_SECONDS = 5
/**
 * Interval at which results are measured. This has its own loop, because after an upgrade the results of all earlier builds are measured.
 */
const MEASURE_SECONDS = 20
/** Seconds between checks for commit statuses to report. */
const REPORT_SECONDS = 3
/**
 * Number of heartbeat intervals between a start and the first requeueing of tasks with expired leases. Live agents can renew their leases
 * in this time.
 */
const GRACE_HEARTBEATS = 3
/** How far back the first search for unsealed logs goes; also the age at which signing tickets are deleted. */
const DAY_MS = 86_400_000
/** Number of days for which webhook deliveries are listed and can be resent. */
const DELIVERY_LOG_DAYS = 30

/** Runs the backend's loops until `stop` aborts. Every loop is idempotent, may run in several processes and may be killed at any time. */
export async function runBackend(backend: Backend, { stop }: { stop: AbortSignal }): Promise<void> {
  const { db, notices, config, log, now } = backend
  const { max_attempts } = config.limits
  let since = new Date(now().getTime() - DAY_MS)
  const looks = new Map<string, number>()

  async function tidy(): Promise<void> {
    const started = now()
    await dropStaleStaging(backend)
    await dropStaleSrpms(backend, new Date(started.getTime() - UNUSED_SRPM_AGE_MS))
    await sealEndedLogs(backend, since, looks)
    await dropOldReceived(db, started)
    await dropOldSeen(db, started)
    await dropOldStatuses(db, started)
    await dropOldTickets(db, new Date(started.getTime() - DAY_MS))
    await dropOldDeliveries(db, new Date(started.getTime() - DELIVERY_LOG_DAYS * DAY_MS))
    await pruneBuilds(db, started)
    await expireProjects(db, started)
    await expireDirs(db, started)
    await expireChroots(db, started)
    // The next pass also covers builds that ended in the ten minutes before this pass started, because an agent may still write logs after
    // the end of its build.
    since = new Date(started.getTime() - 600_000)
  }

  async function requeue(): Promise<void> {
    await sleep(config.limits.heartbeat_seconds * GRACE_HEARTBEATS * 1000, undefined, {
      signal: stop,
    }).catch(() => undefined)
    const step = async (): Promise<void> =>
      void (await requeueExpired(db, { now: now(), max_attempts }))
    await every(1, step, { stop, log })
  }

  const followKeys = (): Promise<void> => followChangedKeys(backend)

  await untilUsable(backend, stop)
  const publishers = Array.from({ length: PUBLISHERS }, () => {
    const bell = notices.bell('copr_publish')
    return every(2, () => publishDue(backend, stop), { stop, log, bell })
  })
  const remover = notices.bell('copr_removal')

  async function render(): Promise<void> {
    await publishDueRepositories(backend, stop)
    // A removal waits until the published index no longer lists the files to remove. After a new index has been published, it may be able
    // to go on.
    remover.ring()
  }

  const renderers = Array.from({ length: RENDERERS }, () => {
    const bell = notices.bell('copr_repository')
    return every(2, render, { stop, log, bell })
  })

  await Promise.all([
    ...publishers,
    ...renderers,
    every(5, () => advanceChains(db, now()), { stop, log, bell: notices.bell('copr_chain') }),
    every(5, () => removeDue(backend), { stop, log, bell: remover }),
    every(5, () => actionsDue(backend, stop), { stop, log, bell: notices.bell('copr_action') }),
    requeue(),
    every(5, () => noteGatewayBeat(db, now()), { stop, log }),
    every(20, tidy, { stop, log }),
    every(REPORT_SECONDS, () => reportStatuses(backend, stop), { stop, log }),
    every(MEASURE_SECONDS, () => measureResults(backend, stop), { stop, log }),
    every(FOLLOW_KEYS_SECONDS, followKeys, { stop, log }),
    every(EMPTY_TRASH_SECONDS, () => backend.store.emptyTrash(), { stop, log }),
  ])
}

/** Waits until the store is usable, because it may still be starting. Until then, nothing is published, and no build fails. */
async function untilUsable({ store, log }: Backend, stop: AbortSignal): Promise<void> {
  const usable = new AbortController()
  const either = AbortSignal.any([stop, usable.signal])
  const look = async (): Promise<void> => {
    await store.check()
    usable.abort()
  }
  await every(CHECK_STORE_SECONDS, look, { stop: either, log })
}
