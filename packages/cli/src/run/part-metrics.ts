import type { Db } from '@copr/domain/database/open'
import { type QueueCount, queueCounts } from '@copr/domain/queue/queue-counts'
import type { Metrics, Sample } from '@copr/process/probes/metrics'
import { processMetrics } from '@copr/process/probes/probes'

/** Those of every program, and of the backend what the queue and the machines are like. */
export function partMetrics(part: string, db: Db): Metrics {
  const metrics = processMetrics(part)
  if (!part.includes('backend')) return metrics
  const tell = (value: (count: QueueCount) => number) => async (): Promise<Sample[]> =>
    (await queueCounts(db)).map((count) => ({
      labels: [count.kind, count.state],
      value: value(count),
    }))
  metrics.gauge(
    'copr_queue_tasks',
    'Tasks in the queue',
    ['kind', 'state'],
    tell(({ tasks }) => tasks),
  )
  metrics.gauge(
    'copr_queue_oldest_seconds',
    'Age of the oldest of these tasks',
    ['kind', 'state'],
    tell(({ oldest_seconds }) => oldest_seconds),
  )
  return metrics
}

/** Rejects while the database is away, or has no tables yet. */
export async function requireDatabase(db: Db): Promise<void> {
  await db.selectFrom('chroot').select('id').limit(1).execute()
}
