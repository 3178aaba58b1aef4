import { statfs } from 'node:fs/promises'
import type { Configuration } from '@copr/contract/configuration'
import type { Db } from '@copr/domain/database/open'
import {
  builderCounts,
  databaseBytes,
  presentBuilders,
  publishingHealth,
} from '@copr/domain/health/health-counts'
import { type QueueCount, queueCounts } from '@copr/domain/queue/queue-counts'
import type { Metrics, Sample } from '@copr/process/probes/metrics'
import { processMetrics } from '@copr/process/probes/probes'

/** The part that tells how full its volume is, and the name of that. */
const VOLUMES = [
  ['backend', 'results'],
  ['distgit', 'sources'],
] as const

/** Those of every program, of those with a volume how full it is, and of the backend what the whole system is like. */
export function partMetrics(
  part: string,
  db: Db,
  { data_dir, results }: Pick<Configuration, 'data_dir' | 'results'>,
): Metrics {
  const metrics = processMetrics(part)
  for (const [owner, volume] of VOLUMES)
    // With results in S3 it is the disk of the machine, with what is being worked on.
    if (part.includes(owner) && !(volume === 'results' && results.s3))
      addVolume(metrics, volume, data_dir)
  if (!part.includes('backend')) return metrics
  addQueue(metrics, db)
  const one = (ask: () => Promise<number>) => async (): Promise<Sample[]> => [
    { labels: [], value: await ask() },
  ]
  metrics.gauge('copr_builders', 'Machines that take builds', ['state'], async () =>
    (await builderCounts(db)).map(({ state, machines }) => ({ labels: [state], value: machines })),
  )
  metrics.gauge(
    'copr_builders_present',
    'Machines that take builds and were heard of within five minutes',
    [],
    one(() => presentBuilders(db)),
  )
  metrics.gauge(
    'copr_repositories_waiting',
    'Repositories that are not yet as builds made them',
    [],
    one(async () => (await publishingHealth(db)).waiting),
  )
  metrics.gauge(
    'copr_last_publication_timestamp_seconds',
    'When a repository was last published',
    [],
    one(async () => (await publishingHealth(db)).last),
  )
  metrics.gauge(
    'copr_database_bytes',
    'Size of the database',
    [],
    one(() => databaseBytes(db)),
  )
  return metrics
}

function addQueue(metrics: Metrics, db: Db): void {
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
}

function addVolume(metrics: Metrics, volume: string, path: string): void {
  const tell = (which: 'blocks' | 'bavail') => async (): Promise<Sample[]> => {
    const found = await statfs(path)
    return [{ labels: [volume], value: found[which] * found.bsize }]
  }
  metrics.gauge('copr_volume_size_bytes', 'Size of the volume', ['volume'], tell('blocks'))
  metrics.gauge('copr_volume_free_bytes', 'What is left of it', ['volume'], tell('bavail'))
}

/** Rejects while the database is away, or has no tables yet. */
export async function requireDatabase(db: Db): Promise<void> {
  await db.selectFrom('chroot').select('id').limit(1).execute()
}
