import { localProvider } from './local.ts'
import { silentLog } from '@copr/process/log'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import { providerSuite } from '../../testing/provider-suite.ts'
import assert from 'node:assert/strict'

/** Each fixture represents one process, because builders end when their process restarts. */
providerSuite('local', async () => {
  const running = new Map<string, (reason: string) => void>()
  const ids = new Map<string, string>()
  const make = localProvider(({ enroll_token, name }) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    running.set(enroll_token + name, resolve)
    return {
      ended: promise.finally(() => running.delete(enroll_token + name)),
      stop: async () => resolve('stopped'),
    }
  })
  const config = PoolConfig.parse({ provider: 'local', arches: ['x86_64'] })
  assert.ok(config.provider === 'local')
  const providers = new Map<string, ReturnType<typeof make>>()
  const owners = new Map<string, { installation_id: string; machine_id: number }>()
  const none = { cannot: 'there is no cloud that could fail' }
  return {
    provider({ installation_id, pool }) {
      const made = make(config, { pool, installation_id, log: silentLog(), now: () => new Date() })
      const provider: typeof made = {
        ...made,
        async start(order, signal) {
          const outcome = await made.start(order, signal)
          if (outcome.ok) {
            ids.set(outcome.provider_id, order.boot.enroll_token + order.name)
            owners.set(order.boot.enroll_token + order.name, order)
          }
          return outcome
        },
      }
      providers.set(pool, provider)
      return provider
    },
    async endMachine(id) {
      running.get(ids.get(id) ?? '')?.('killed')
      // The parent process notices the exit only after a moment.
      await new Promise((resolve) => setImmediate(resolve))
    },
    loseNextStart: none,
    breakNextListing: none,
    hang: none,
    failNextStart: none,
    owners: async () => [...running.keys()].map((key) => owners.get(key)),
    [Symbol.asyncDispose]: async () => undefined,
  }
})
