import { statfs } from 'node:fs/promises'
import type { Configuration } from '@copr/contract/configuration'
import type { Db } from '@copr/domain/database/open'
import {
  builderCounts,
  databaseBytes,
  presentBuilders,
  publishingHealth,
} from '@copr/domain/health/health-counts'
import { outboxCounts } from '@copr/domain/outbox/queues'
import { type QueueCount, queueCounts } from '@copr/domain/queue/queue-counts'
import { addGauge, type Metrics, type Sample } from '@copr/process/probes/metrics'
import { processMetrics } from '@copr/process/probes/probes'

/** The components that export the metrics of a volume, each with that volume's name. */
const VOLUMES = [
  ['backend', 'results'],
  ['distgit', 'sources'],
] as const

/**
 * Returns a component's metrics: those of its process, those of its volume if it has one, and, for the backend, those of the whole system.
 */
export function componentMetrics(
  component: string,
  db: Db,
  { data_dir, results }: Pick<Configuration, 'data_dir' | 'results'>,
): Metrics {
  const metrics = processMetrics(component)
  // If results are stored in S3, the backend's folder holds only files in progress and is on the machine's own disk.
  const volumes = VOLUMES.filter(
    ([owner, volume]) => component.includes(owner) && !(volume === 'results' && results.s3),
  ).map(([, volume]) => volume)
  if (volumes.length > 0) addVolumes(metrics, volumes, data_dir)
  if (!component.includes('backend')) return metrics
  addQueue(metrics, db)
  addGauge(
    metrics,
    { name: 'copr_builders', help: 'Machines that accept builds', labelNames: ['state'] },
    async () =>
      (await builderCounts(db)).map(({ state, machines }) => ({
        labels: [state],
        value: machines,
      })),
  )
  const one = (name: string, help: string, read: () => Promise<number>): void =>
    addGauge(metrics, { name, help, labelNames: [] }, async () => [
      { labels: [], value: await read() },
    ])
  one(
    'copr_builders_present',
    'Machines that accept builds and sent a heartbeat within five minutes',
    () => presentBuilders(db),
  )
  one(
    'copr_repositories_waiting',
    'Repositories with changes that are not yet published',
    async () => (await publishingHealth(db)).waiting,
  )
  one(
    'copr_last_publication_timestamp_seconds',
    'Time of the last publication of a repository',
    async () => (await publishingHealth(db)).last,
  )
  addOutbox(metrics, db)
  one('copr_database_bytes', 'Size of the database', () => databaseBytes(db))
  return metrics
}

function addQueue(metrics: Metrics, db: Db): void {
  const tell = (value: (count: QueueCount) => number) => async (): Promise<Sample[]> =>
    (await queueCounts(db)).map((count) => ({
      labels: [count.kind, count.state],
      value: value(count),
    }))
  addGauge(
    metrics,
    { name: 'copr_queue_tasks', help: 'Tasks in the queue', labelNames: ['kind', 'state'] },
    tell(({ tasks }) => tasks),
  )
  addGauge(
    metrics,
    {
      name: 'copr_queue_oldest_seconds',
      help: 'Age of the oldest task in the queue',
      labelNames: ['kind', 'state'],
    },
    tell(({ oldest_seconds }) => oldest_seconds),
  )
}

function addOutbox(metrics: Metrics, db: Db): void {
  const labelNames = ['channel']
  addGauge(
    metrics,
    { name: 'copr_outbox_events', help: 'Events that wait for delivery', labelNames },
    async () =>
      (await outboxCounts(db)).map(({ channel, waiting }) => ({
        labels: [channel],
        value: waiting,
      })),
  )
  addGauge(
    metrics,
    {
      name: 'copr_outbox_oldest_seconds',
      help: 'Age of the oldest event that waits for delivery',
      labelNames,
    },
    async () =>
      (await outboxCounts(db)).map(({ channel, oldest_seconds }) => ({
        labels: [channel],
        value: oldest_seconds,
      })),
  )
}

/** If several components run in one process, their volumes are in the same folder. */
function addVolumes(metrics: Metrics, volumes: readonly string[], path: string): void {
  const tell = (which: 'blocks' | 'bavail') => async (): Promise<Sample[]> => {
    const found = await statfs(path)
    return volumes.map((volume) => ({ labels: [volume], value: found[which] * found.bsize }))
  }
  addGauge(
    metrics,
    { name: 'copr_volume_size_bytes', help: 'Size of the volume', labelNames: ['volume'] },
    tell('blocks'),
  )
  addGauge(
    metrics,
    { name: 'copr_volume_free_bytes', help: 'Free space on the volume', labelNames: ['volume'] },
    tell('bavail'),
  )
}

/** Rejects if the database is unreachable or has no tables yet. */
export async function requireDatabase(db: Db): Promise<void> {
  await db.selectFrom('chroot').select('id').limit(1).execute()
}
