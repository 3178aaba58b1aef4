import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Hono } from 'hono'
import { messageOf } from '../errors.ts'
import { type HttpApp, type RunningServer, serveHttp } from '../http-server.ts'
import { VERSION } from '../version.ts'
import { Metrics } from './metrics.ts'

/** Answers of HTTP end in one of these times, in seconds. */
const BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600]

export interface Probed {
  part: string
  metrics: Metrics
  /** Rejects while the program cannot answer. */
  ready: () => Promise<unknown>
}

/** `/livez`: the program runs; `/readyz`: it can answer; `/metrics`. */
export function probesApp({ metrics, ready }: Probed): Hono {
  const app = new Hono()
  app.get('/livez', (c) => c.text('ok\n'))
  app.get('/readyz', async (c) => {
    try {
      await ready()
      return c.text('ok\n')
    } catch (error) {
      return c.text(`${messageOf(error)}\n`, 503)
    }
  })
  app.get('/metrics', async (c) =>
    c.text(await metrics.text(), 200, { 'content-type': 'text/plain; version=0.0.4' }),
  )
  return app
}

/** By plain HTTP, on a port that no Route leads to: kubelets and Prometheus ask there. */
export async function serveProbes(probed: Probed, port: number): Promise<RunningServer> {
  return await serveHttp(probesApp(probed), { host: '0.0.0.0', port })
}

/** Metrics that every program has. */
export function processMetrics(part: string): Metrics {
  const metrics = new Metrics()
  const delay = monitorEventLoopDelay()
  delay.enable()
  metrics.gauge('copr_build_info', 'What runs here', ['version', 'component'], () => [
    { labels: [VERSION, part], value: 1 },
  ])
  metrics.gauge('process_resident_memory_bytes', 'Memory in use', ['component'], () => [
    { labels: [part], value: process.memoryUsage().rss },
  ])
  metrics.gauge(
    'nodejs_eventloop_lag_seconds',
    'How late the event loop was, at worst, since last asked',
    ['component'],
    () => {
      const value = delay.max / 1e9
      delay.reset()
      return [{ labels: [part], value }]
    },
  )
  return metrics
}

/** Measures how long answers take until they begin. */
export function measured(
  app: HttpApp,
  { part, metrics }: Pick<Probed, 'part' | 'metrics'>,
): HttpApp {
  const seconds = metrics.histogram(
    'copr_http_request_duration_seconds',
    'Time until an answer began',
    ['component', 'method', 'code'],
    BUCKETS,
  )
  return {
    async fetch(request, bindings) {
      const began = performance.now()
      const response = await app.fetch(request, bindings)
      const method = METHODS.has(request.method) ? request.method : 'other'
      seconds.observe([part, method, String(response.status)], (performance.now() - began) / 1000)
      return response
    },
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
