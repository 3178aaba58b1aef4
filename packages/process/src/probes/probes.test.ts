import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from './metrics.ts'
import { measured, probesApp, processMetrics } from './probes.ts'

test('metrics are told in the text format of Prometheus', async () => {
  const metrics = new Metrics()
  metrics.counter('a_total', 'Things', ['kind']).add(['say "hi"\n'], 2)
  metrics.gauge('b', 'A size', [], () => [{ labels: [], value: 1.5 }])
  metrics.gauge('broken', 'Cannot be asked', [], () => Promise.reject(new Error('away')))
  const seconds = metrics.histogram('c_seconds', 'Times', ['code'], [0.1, 1])
  seconds.observe(['200'], 0.05)
  seconds.observe(['200'], 5)
  assert.equal(
    await metrics.text(),
    `# HELP a_total Things
# TYPE a_total counter
a_total{kind="say \\"hi\\"\\n"} 2
# HELP b A size
# TYPE b gauge
b 1.5
# HELP c_seconds Times
# TYPE c_seconds histogram
c_seconds_bucket{code="200",le="0.1"} 1
c_seconds_bucket{code="200",le="1"} 1
c_seconds_bucket{code="200",le="+Inf"} 2
c_seconds_sum{code="200"} 5.05
c_seconds_count{code="200"} 2
`,
  )
})

test('/readyz says why a program cannot answer, /livez does not ask', async () => {
  const ready = (): Promise<unknown> => Promise.reject(new Error('the database is away'))
  const app = probesApp({ part: 'backend', metrics: new Metrics(), ready })
  assert.equal((await app.request('/livez')).status, 200)
  const answer = await app.request('/readyz')
  assert.equal(answer.status, 503)
  assert.equal(await answer.text(), 'the database is away\n')
})

test('/metrics has the process and the answers it gave', async () => {
  const metrics = processMetrics('frontend')
  const app = measured(
    { fetch: () => new Response('', { status: 404 }) },
    { part: 'frontend', metrics },
  )
  await app.fetch(new Request('http://x/y', { method: 'PROPFIND' }), {} as never)
  const probes = probesApp({ part: 'frontend', metrics, ready: async () => undefined })
  const text = await (await probes.request('/metrics')).text()
  assert.match(text, /^copr_build_info\{version="[^"]+",component="frontend"\} 1$/m)
  assert.match(text, /^process_resident_memory_bytes\{component="frontend"\} \d+$/m)
  assert.match(
    text,
    /^copr_http_request_duration_seconds_count\{component="frontend",method="other",code="404"\} 1$/m,
  )
})
