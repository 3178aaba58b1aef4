import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { addGauge, type Sample } from './metrics.ts'
import { measured, probesApp, processMetrics } from './probes.ts'

test('addGauge() reads the gauge at each scrape, and drops samples that no longer exist', async () => {
  const metrics = new Registry()
  let samples: Sample[] = [
    { labels: ['say "hi"\n'], value: 2 },
    { labels: ['x'], value: 1.5 },
  ]
  addGauge(metrics, { name: 'a', help: 'Sizes', labelNames: ['kind'] }, () => samples)
  const head = '# HELP a Sizes\n# TYPE a gauge\n'
  assert.equal(await metrics.metrics(), `${head}a{kind="say \\"hi\\"\\n"} 2\na{kind="x"} 1.5\n`)
  samples = [{ labels: ['y'], value: 3 }]
  assert.equal(await metrics.metrics(), `${head}a{kind="y"} 3\n`)
})

test('a gauge that cannot be read has no samples, and other gauges keep theirs', async () => {
  const metrics = new Registry()
  const away = (): Promise<Sample[]> => Promise.reject(new Error('away'))
  addGauge(metrics, { name: 'broken', help: 'A size', labelNames: [] }, away)
  addGauge(metrics, { name: 'broken_too', help: 'Sizes', labelNames: ['kind'] }, away)
  addGauge(metrics, { name: 'b', help: 'A size', labelNames: [] }, () => [
    { labels: [], value: 1.5 },
  ])
  const lines = (await metrics.metrics()).split('\n')
  assert.deepEqual(
    lines.filter((line) => line !== '' && !line.startsWith('#')),
    ['b 1.5'],
  )
})

test('/readyz reports why a component is not ready, and /livez does not depend on readiness', async () => {
  const ready = (): Promise<unknown> => Promise.reject(new Error('the database is unreachable'))
  const app = probesApp({ component: 'backend', metrics: new Registry(), ready })
  assert.equal((await app.request('/livez')).status, 200)
  const answer = await app.request('/readyz')
  assert.equal(answer.status, 503)
  assert.equal(await answer.text(), 'the database is unreachable\n')
})

test('/metrics contains metrics of the process and of its responses', async () => {
  const metrics = processMetrics('frontend')
  const app = measured(
    { fetch: () => new Response('', { status: 404 }) },
    { component: 'frontend', metrics },
  )
  await app.fetch(new Request('http://x/y', { method: 'PROPFIND' }), {} as never)
  const probes = probesApp({ component: 'frontend', metrics, ready: async () => undefined })
  const text = await (await probes.request('/metrics')).text()
  assert.match(text, /^copr_build_info\{version="[^"]+",component="frontend"\} 1$/m)
  assert.match(text, /^process_resident_memory_bytes\{component="frontend"\} \d+$/m)
  assert.match(
    text,
    /^copr_http_request_duration_seconds_bucket\{le="\+Inf",component="frontend",method="other",code="404"\} 1$/m,
  )
  assert.match(
    text,
    /^copr_http_request_duration_seconds_count\{component="frontend",method="other",code="404"\} 1$/m,
  )
})
