import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { FactsFile } from '@copr/openshift/render/facts'
import { render } from '@copr/openshift/render/render'
import { openTestDb } from '@copr/testkit/postgres'
import { componentMetrics } from './component-metrics.ts'
import { enableChannel } from '@copr/domain/outbox/queues'
import { fixtures } from '@copr/domain/testing/fixtures'

const NOW = new Date()

function rules(): { alert: string; expr: string }[] {
  const facts = FactsFile.parse({
    flavour: 'openshift',
    host: 'copr.example.org',
    exposure: 'route',
    backend_tls: true,
    service_ca: true,
    monitoring: true,
    single_node: false,
    limits_demanded: { cpu: false, memory: false },
    priority_classes: false,
  })
  const images = { server: 'a', postgresql: 'b' }
  const objects = render(Vars.parse({}), { ...facts, images, secret_checksums: {} })
  const rule = objects.find(({ kind }) => kind === 'PrometheusRule') as KubeObject & {
    spec: { groups: { rules: { alert: string; expr: string }[] }[] }
  }
  return rule.spec.groups.flatMap((group) => group.rules)
}

test('componentMetrics() returns a sample for each volume if all components run in one process', async () => {
  await using t = await openTestDb()
  const names = 'frontend+backend+distgit'
  const text = await componentMetrics(names, t.db, { data_dir: tmpdir(), results: {} }).metrics()
  for (const volume of ['results', 'sources'])
    assert.match(text, new RegExp(`^copr_volume_size_bytes\\{volume="${volume}"\\} \\d`, 'm'))
})

test('alerts use only metrics and labels that components export', async () => {
  await using t = await openTestDb()
  await fixtures(t.db)
    .insertInto('machine')
    .values({ pool: 'a', name: 'b', state: 'ready', created_at: NOW, kinds: ['rpm'] })
    .execute()
  const texts = ['frontend', 'backend', 'distgit'].map((component) =>
    componentMetrics(component, t.db, { data_dir: tmpdir(), results: {} }).metrics(),
  )
  const text = (await Promise.all(texts)).join('\n')
  const told = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name))
  const asked = rules().flatMap(({ alert, expr }) =>
    [...expr.matchAll(/([a-z_]+)\{([^}]*)\}/g)].map(([, name = '', labels = '']) => ({
      alert,
      name,
      labels: labels.split(',').map((label) => label.split('=')[0] ?? ''),
    })),
  )
  assert.ok(asked.length >= 10)
  for (const { alert, name, labels } of asked) {
    assert.ok(told.has(name), `${alert} uses ${name}, which no component exports`)
    // Metrics of an empty queue have no samples to compare with, so the labels that they may have are listed here.
    const sample = new RegExp(`^${name}\\{([^}]*)\\}`, 'm').exec(text)?.[1]
    for (const label of labels.filter((each) => each !== 'namespace'))
      assert.ok(
        sample === undefined
          ? ['kind', 'state', 'channel'].includes(label)
          : sample.includes(`${label}="`),
        `${alert}: ${name} has no label ${label}`,
      )
  }
  const names = asked.map(({ alert }) => alert)
  for (const wanted of [
    'NoBuilders',
    'QueueSlow',
    'PublishStalled',
    'EventsStalled',
    'KeygenDown',
    'VolumeFull',
    'DatabaseFull',
  ])
    assert.ok(names.includes(`Copr${wanted}`), wanted)
})

test('with results in S3, no component exports metrics of a results volume', async () => {
  await using t = await openTestDb()
  const s3 = { bucket: 'copr', prefix: '', region: 'us-east-1', scratch_bytes: 1 }
  const config = { data_dir: tmpdir(), results: { s3 } }
  assert.doesNotMatch(await componentMetrics('backend', t.db, config).metrics(), /volume/)
  assert.match(await componentMetrics('distgit', t.db, config).metrics(), /volume="sources"/)
})

test('the backend exports metrics of builders, repositories, volume and database', async () => {
  await using t = await openTestDb()
  const machine = { pool: 'a', state: 'ready', created_at: NOW, kinds: ['rpm'] } as const
  await fixtures(t.db)
    .insertInto('machine')
    .values([
      { ...machine, kinds: ['rpm'], name: 'here', last_seen_at: NOW },
      { ...machine, kinds: ['rpm'], name: 'silent', last_seen_at: new Date(0) },
      { ...machine, kinds: ['import'], name: 'distgit', last_seen_at: NOW },
    ])
    .execute()
  const value = async (name: string): Promise<number> => {
    const text = await componentMetrics('backend', t.db, {
      data_dir: tmpdir(),
      results: {},
    }).metrics()
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1])
  }
  assert.equal(await value('copr_builders'), 2)
  assert.equal(await value('copr_builders_present'), 1)
  assert.equal(await value('copr_repositories_waiting'), 0)
  assert.equal(await value('copr_last_publication_timestamp_seconds'), 0)
  assert.ok((await value('copr_database_bytes')) > 1_000_000)
  const [free, size] = [
    await value('copr_volume_free_bytes'),
    await value('copr_volume_size_bytes'),
  ]
  assert.ok(free > 0 && free <= size)
})

test('the backend exports the number of waiting events and the age of the oldest', async () => {
  await using t = await openTestDb()
  await enableChannel(t.db, 'amqp', true)
  const { id } = await t.db.selectFrom('outbox_queue').select('id').executeTakeFirstOrThrow()
  const event = { queue_id: id, ordering: 'build 1', event: 'source.started', data: '{}' }
  await t.db
    .insertInto('outbox')
    .values([60, 600].map((age) => ({ ...event, created_at: new Date(Date.now() - age * 1000) })))
    .execute()
  const config = { data_dir: tmpdir(), results: {} }
  const text = await componentMetrics('backend', t.db, config).metrics()
  assert.match(text, /^copr_outbox_events\{channel="amqp"\} 2$/m)
  const oldest = /^copr_outbox_oldest_seconds\{channel="amqp"\} (\S+)$/m.exec(text)?.[1]
  assert.ok(Number(oldest) >= 600)
})
