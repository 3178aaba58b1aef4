import assert from 'node:assert/strict'
import type { Listed, Provider, StartOrder, StartOutcome } from '../providers/provider.ts'
import { startOrder, stopOrder } from './orders.ts'
import type { Cannot, ProviderFixture } from './provider-fixture.ts'

const DEADLINE_MS = 60_000

type Started = Extract<StartOutcome, { ok: true }>

/** A pool in an installation of its own, so that tests do not see each other's machines. */
export class SuitePool {
  static #installations = 0
  readonly #fixture: ProviderFixture
  readonly owner: { installation_id: string; pool: string }
  readonly started: { order: StartOrder; outcome: Started }[] = []

  constructor(fixture: ProviderFixture, owner: Partial<SuitePool['owner']> = {}) {
    this.#fixture = fixture
    const installation_id =
      owner.installation_id ?? `suite-${process.pid}-${++SuitePool.#installations}`
    this.owner = { installation_id, pool: owner.pool ?? 'pool_a' }
  }

  /** Makes the provider again, as after a restart. */
  async provider(): Promise<Provider> {
    return await this.#fixture.provider(this.owner)
  }

  async order(machine_id: number): Promise<StartOrder> {
    const [offering] = (await this.provider()).offerings()
    assert.ok(offering, 'a pool has an offering')
    return startOrder(this.owner, machine_id, offering)
  }

  async start(order: StartOrder): Promise<StartOutcome> {
    const outcome = await (await this.provider()).start(order, deadline())
    if (outcome.ok) this.started.push({ order, outcome })
    return outcome
  }

  async startNew(machine_id: number): Promise<Started> {
    return succeeded(await this.start(await this.order(machine_id)))
  }

  async stop(order: StartOrder, started?: Started): Promise<void> {
    await (await this.provider()).stop(stopOrder(order, started), deadline())
  }

  async list(): Promise<Listed[]> {
    return await Array.fromAsync((await this.provider()).list(deadline()))
  }

  /** Returns the machines that still cost something. */
  async machines(): Promise<Listed[]> {
    return (await this.list()).filter(
      ({ kind, state }) => kind === 'machine' && (state === 'starting' || state === 'running'),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { order, outcome } of this.started) await this.stop(order, outcome)
    for (const each of await this.list()) await (await this.provider()).remove(each, deadline())
  }
}

export function succeeded(outcome: StartOutcome): Started {
  assert.ok(outcome.ok, outcome.ok ? '' : `${outcome.failure}: ${outcome.message}`)
  return outcome
}

/** Returns the ability; if the fixture lacks it, skips the test with the reason and returns undefined. */
export function can<F>(t: { skip(reason: string): void }, ability: F | Cannot): F | undefined {
  if (typeof ability === 'object' && ability !== null && 'cannot' in ability) {
    t.skip(ability.cannot)
    return undefined
  }
  return ability as F
}

export function deadline(): AbortSignal {
  return AbortSignal.timeout(DEADLINE_MS)
}
