import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Hono } from 'hono'
import { Histogram, Registry } from 'prom-client'
import { messageOf } from '../errors.ts'
import { type HttpApp, type RunningServer, serveHttp } from '../http-server.ts'
import { VERSION } from '../version.ts'
import { addGauge, type Metrics } from './metrics.ts'

/** Histogram buckets for the time until a response begins, in seconds. */
const BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600]

export interface Probed {
  component: string
  metrics: Metrics
  /** Rejects while the program cannot serve requests. */
  ready: () => Promise<unknown>
}

/** Serves `/livez` (the program runs), `/readyz` (it can serve requests) and `/metrics`. */
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
    c.text(await metrics.metrics(), 200, { 'content-type': metrics.contentType }),
  )
  return app
}

/** Serves the probes over plain HTTP, on a port that no Route leads to, for kubelets and Prometheus. */
export async function serveProbes(probed: Probed, port: number): Promise<RunningServer> {
  return await serveHttp(probesApp(probed), { host: '0.0.0.0', port })
}

/** Makes a registry with the metrics that every program has. */
export function processMetrics(component: string): Metrics {
  const metrics = new Registry()
  const delay = monitorEventLoopDelay()
  delay.enable()
  const info = {
    name: 'copr_build_info',
    help: 'Version and name of the running component',
    labelNames: ['version', 'component'],
  }
  addGauge(metrics, info, () => [{ labels: [VERSION, component], value: 1 }])
  const memory = {
    name: 'process_resident_memory_bytes',
    help: 'Memory in use',
    labelNames: ['component'],
  }
  addGauge(metrics, memory, () => [{ labels: [component], value: process.memoryUsage().rss }])
  const lag = {
    name: 'nodejs_eventloop_lag_seconds',
    help: 'Longest delay of the event loop since the last scrape',
    labelNames: ['component'],
  }
  addGauge(metrics, lag, () => {
    const value = delay.max / 1e9
    delay.reset()
    return [{ labels: [component], value }]
  })
  return metrics
}

/** Wraps an app to measure the time until each response begins. */
export function measured(
  app: HttpApp,
  { component, metrics }: Pick<Probed, 'component' | 'metrics'>,
): HttpApp {
  const seconds = new Histogram({
    name: 'copr_http_request_duration_seconds',
    help: 'Time until the response started',
    labelNames: ['component', 'method', 'code'],
    buckets: BUCKETS,
    registers: [metrics],
  })
  return {
    async fetch(request, bindings) {
      const began = performance.now()
      const response = await app.fetch(request, bindings)
      const method = METHODS.has(request.method) ? request.method : 'other'
      seconds
        .labels(component, method, String(response.status))
        .observe((performance.now() - began) / 1000)
      return response
    },
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
