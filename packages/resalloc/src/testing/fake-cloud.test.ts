import { fakeCloud } from './fake-cloud.ts'
import { providerSuite } from './provider-suite.ts'

providerSuite('the fake cloud', async () => {
  const cloud = fakeCloud({ now: () => new Date(), page_size: 1 })
  return {
    provider: cloud.provider,
    endMachine: async (id) => cloud.endMachine(id),
    loseNextStart: () => cloud.fail({ kind: 'lose_answer' }),
    breakNextListing: () => cloud.fail({ kind: 'break_listing' }),
    hang: cloud.hang,
    failNextStart: (failure) => cloud.fail({ kind: 'fail', failure }),
    owners: async () => cloud.machines().filter(({ state }) => state !== 'ended'),
    [Symbol.asyncDispose]: async () => undefined,
  }
})
