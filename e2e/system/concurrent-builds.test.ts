import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { memoryOf } from '@copr/testkit/system/processes'
import { readRepository } from '@copr/testkit/system/repository'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { startSystem, type System } from '@copr/testkit/system/start-system'
import { tinySources, type TinySources } from '@copr/testkit/system/tiny-srpm'
import { until } from '@copr/testkit/system/until'

const PROJECT = 'hundred'
const BUILDS = 100
const NAMES = 10
const MEMORY_LIMIT = 400e6

suite('a hundred builds at once', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let system: System
  let sources: TinySources

  before(async () => {
    sources = tinySources()
    system = await startSystem({ builders: 2 })
    await system.api.createProject(PROJECT)
  })
  after(async () => {
    sources?.[Symbol.dispose]()
    await system?.[Symbol.asyncDispose]()
  })

  test('all builds finish, and memory use stays bounded', async (t) => {
    const srpms: string[] = []
    for (let index = 0; index < BUILDS; index++)
      srpms.push(
        await sources.make({
          name: `tiny-${index % NAMES}`,
          release: String(1 + Math.floor(index / NAMES)),
        }),
      )
    const began = performance.now()
    const submitted = await Promise.all(srpms.map((srpm) => system.api.uploadBuild(PROJECT, srpm)))
    t.diagnostic(`submitted in ${seconds(began)} s`)
    let largest = 0
    const states = await until(
      async () => {
        largest = Math.max(largest, memoryOf(system.pid).peak)
        const found = await statesOf(system)
        return (
          found.every(({ state }) => ['succeeded', 'failed', 'canceled'].includes(state)) && found
        )
      },
      {
        timeout_ms: 225_000,
        what: 'all builds to end',
        seen: () => statesOf(system).then(countStates),
        every_ms: 1000,
      },
    )
    t.diagnostic(
      `all ended after ${seconds(began)} s; peak memory of the main process ${Math.round(largest / 1e6)} MB`,
    )
    assert.deepEqual(countStates(states), { succeeded: BUILDS })
    assert.equal(new Set(submitted.map(({ id }) => id)).size, BUILDS)
    assert.ok(largest < MEMORY_LIMIT, `the main process used ${largest} bytes`)
  })

  test('the repository contains every binary and source package', async () => {
    const url = `${system.url}/results/${system.api.username}/${PROJECT}/${DISTRO_CHROOT}/`
    const { packages } = await readRepository(url)
    const nevras = new Set(packages.map(({ nevra }) => nevra))
    assert.equal(packages.length, BUILDS * 2)
    assert.equal(nevras.size, BUILDS * 2)
  })

  test('the system stops cleanly', async () => {
    await system.stop()
  })
})

async function statesOf({ api }: System): Promise<{ id: number; state: string }[]> {
  const { body } = await api.raw(
    'GET',
    `build/list?ownername=${api.username}&projectname=${PROJECT}&limit=1000`,
  )
  return body['items'] as { id: number; state: string }[]
}

function countStates(builds: { state: string }[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { state } of builds) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

const seconds = (began: number): string => ((performance.now() - began) / 1000).toFixed(1)
