import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '@copr/testkit/system/api-client'
import { failReason } from '@copr/testkit/system/build-summary'
import { assertBuildersIdle } from '@copr/testkit/system/leftovers'
import type { System } from '@copr/testkit/system/start-system'
import { until } from '@copr/testkit/system/until'
import { BUSY, type Hog } from './hogs.ts'

/** Time that a hog needs until it uses as much of the machine as it ever will. */
const SETTLE_MS = 5_000
const START_MS = 600_000
/** Timeout for builds that do not end by themselves. */
const BUILD_MS = 3_600_000

export interface NeighborOptions {
  system: System
  /** The client of the user who submits the hog. */
  api: ApiClient
  project: string
  hog: Hog
  srpm: string
}

/** Keeps a builder busy with a hog until disposed; a hog that has reached a limit is submitted again. */
export async function startNeighbor(options: NeighborOptions): Promise<AsyncDisposable> {
  const { api, project, srpm, system } = options
  const stop = new AbortController()
  let id = await submit(api, project, srpm)
  await until(async () => new RegExp(`^${BUSY}$`, 'm').test(await api.log(id)), {
    timeout_ms: START_MS,
    what: 'the neighbor to begin',
    seen: () => api.build(id),
  })
  const kept = (async () => {
    for (;;) {
      const { state } = await api.waitForBuild(id, BUILD_MS)
      if (stop.signal.aborted) return
      const reason = state === 'failed' ? await failReason(system, id) : state
      if (options.hog.ends?.test(reason) !== true)
        throw new Error(`The neighbor that ${options.hog.does} ended: ${reason}`)
      id = await submit(api, project, srpm)
    }
  })()
  // An error is reported when the neighbor is disposed.
  kept.catch(() => undefined)
  await sleep(SETTLE_MS)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await cancel(api, () => id)
      await kept
      await assertBuildersIdle(system.dataDir)
    },
  }
}

async function submit(api: ApiClient, project: string, srpm: string): Promise<number> {
  return (await api.uploadBuild(project, srpm)).id
}

/**
 * Cancels the current build. If that build has just ended, it cannot be canceled, and another may have been submitted already; the new one
 * is then canceled as well.
 */
async function cancel(api: ApiClient, id: () => number): Promise<void> {
  for (;;) {
    const current = id()
    await api.raw('PUT', `build/cancel/${current}`)
    await api.waitForBuild(current)
    if (id() === current) return
  }
}
