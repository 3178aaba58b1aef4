import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, suite, test } from 'node:test'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { failReason } from '@copr/testkit/system/build-summary'
import { assertBuildersIdle, listTree } from '@copr/testkit/system/leftovers'
import { findComponent, isAlive, type ComponentToFind } from '@copr/testkit/system/processes'
import { checkPackages, readRepository } from '@copr/testkit/system/repository'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { startSystem, type System } from '@copr/testkit/system/start-system'
import { tinySources, type TinySources } from '@copr/testkit/system/tiny-srpm'
import { until } from '@copr/testkit/system/until'

const PROJECT = 'crash'

/**
 * The phase of a build during which a component is killed. Each kind of kill also has a maximum for the random delay between the start of
 * the phase and the kill, in milliseconds.
 */
type Moment = 'importing' | 'preparing' | 'building' | 'built' | 'publishing'
const KINDS: [ComponentToFind, Moment, number][] = [
  ['agent', 'building', 1000],
  ['main', 'building', 1000],
  ['keygen', 'built', 100],
  ['postgres', 'building', 1000],
  ['main', 'importing', 200],
  ['agent', 'preparing', 400],
  ['main', 'built', 100],
  ['postgres', 'publishing', 100],
  ['agent', 'built', 100],
  ['main', 'publishing', 100],
  ['keygen', 'building', 1500],
  ['postgres', 'importing', 200],
]
/** The number of rounds. By default, each kind of kill is tried once. A drill runs more rounds, each with a new random delay. */
const COUNT = Number(process.env['COPR_CRASH_ROUNDS'] ?? KINDS.length)
const ROUNDS = Array.from({ length: Math.ceil(COUNT / KINDS.length) }, () => KINDS)
  .flat()
  .slice(0, COUNT)

suite(
  'killing components of the system in the middle of a build',
  { skip: whyNoSystem(process.env['PATH']) },
  () => {
    let system: System
    let sources: TinySources

    before(async () => {
      sources = tinySources()
      system = await startSystem({ builders: 1 })
      await system.api.createProject(PROJECT)
      const { id } = await system.api.uploadBuild(PROJECT, await sources.make({ name: 'first' }))
      assert.equal((await system.api.waitForBuild(id)).state, 'succeeded', system.logs())
    })
    after(async () => {
      sources?.[Symbol.dispose]()
      await system?.[Symbol.asyncDispose]()
    })

    const repoDir = (): string =>
      join(system.dataDir, 'results', system.api.username, PROJECT, DISTRO_CHROOT)
    const repoUrl = (): string =>
      `${system.url}/results/${system.api.username}/${PROJECT}/${DISTRO_CHROOT}/`

    ROUNDS.forEach(([component, moment, most_ms], index) => {
      test(`a build survives when ${component} is killed while ${moment}, round ${index + 1}`, async (t) => {
        const name = `crash-${index}`
        const build = 'for i in 1 2 3 4 5 6; do echo still building $i; sleep 0.3; done'
        const { id } = await system.api.uploadBuild(PROJECT, await sources.make({ name, build }))
        const results = join(repoDir(), `${String(id).padStart(8, '0')}-${name}`)
        await reach(moment, id, results)
        const delay_ms = Math.floor(Math.random() * most_ms)
        await sleep(delay_ms)
        const began = performance.now()
        await kill(component)
        const ended = await endOf(id)
        t.diagnostic(
          `killed ${delay_ms} ms after the moment, ended ${((performance.now() - began) / 1000).toFixed(1)} s after the kill`,
        )
        assert.equal(
          ended,
          'succeeded',
          `${await failReason(system, id)}\n${await system.api.log(id)}\n${system.logs()}`,
        )
        assertOneResult(results, name)
        const { packages } = await readRepository(repoUrl())
        assert.deepEqual(
          packages
            .map(({ nevra }) => nevra)
            .filter((nevra) => nevra.startsWith(`${name}-`))
            .toSorted(),
          [`${name}-1.0-1.noarch`, `${name}-1.0-1.src`],
        )
      })
    })

    async function reach(moment: Moment, id: number, results: string): Promise<void> {
      const log = (file: string): string =>
        existsSync(join(results, file)) ? readFileSync(join(results, file), 'utf8') : ''
      const has: Record<Moment, () => boolean> = {
        importing: () => true,
        preparing: () => existsSync(results),
        building: () => log('builder-live.log').includes('\nstill building 2'),
        // The builder has built the packages and is uploading them.
        built: () => log('builder-live.log').includes('Uploading the results'),
        publishing: () => log('backend.log').includes('built: '),
      }
      await until(has[moment], {
        timeout_ms: 60_000,
        what: `build ${id} to be ${moment}`,
        every_ms: 5,
        seen: () => log('builder-live.log').slice(-500),
      })
    }

    async function kill(component: ComponentToFind): Promise<void> {
      const pid = system.pidOf(component)
      process.kill(pid, 'SIGKILL')
      await until(() => !isAlive(pid), { timeout_ms: 5_000, what: `the process ${pid} to be gone` })
      if (component !== 'main') return
      await system.ended()
      await system.start()
    }

    /** Waits until a build has ended; the API may be temporarily unreachable. */
    async function endOf(id: number): Promise<string> {
      let last: unknown
      return await until(
        async () => {
          const build = await system.api.build(id).catch((error: unknown) => void (last = error))
          last = build?.state ?? last
          return build && ['succeeded', 'failed', 'canceled'].includes(build.state) && build.state
        },
        {
          timeout_ms: 90_000,
          what: `the end of build ${id}`,
          every_ms: 200,
          seen: () => `${String(last)}\n${system.logs()}`,
        },
      )
    }

    function assertOneResult(results: string, name: string): void {
      const rpms = readdirSync(results).filter((file) => file.endsWith('.rpm'))
      assert.deepEqual(rpms.toSorted(), [`${name}-1.0-1.noarch.rpm`, `${name}-1.0-1.src.rpm`])
      const others = readdirSync(repoDir()).filter((dir) => dir.endsWith(`-${name}`))
      assert.equal(others.length, 1)
    }

    test('all components are running again after the crashes', async () => {
      for (const component of ['main', 'keygen', 'postgres', 'agent'] as const)
        assert.equal(findComponent(component, system.dataDir).length, 1, component)
    })

    test('the repository contains every package exactly once, with valid digests', async () => {
      const content = await readRepository(repoUrl())
      assert.equal(content.packages.length, (ROUNDS.length + 1) * 2)
      assert.equal(
        new Set(content.packages.map(({ nevra }) => nevra)).size,
        content.packages.length,
      )
      await checkPackages(repoUrl(), content)
    })

    test('no folder contains unfinished files', async () => {
      const left = (): string[] => [
        ...['staging', 'uploads', 'trash'].flatMap((dir) =>
          listTree(join(system.dataDir, dir)).map((path) => `${dir}/${path}`),
        ),
        ...listTree(join(system.dataDir, 'results')).filter((path) =>
          /(^|\/)\.(render|new|tmp)|\.(part|tmp|new)($|\/)/.test(path),
        ),
        ...readdirSync(join(system.dataDir, 'builders'))
          .filter((name) => name.startsWith('builds-'))
          .flatMap((name) =>
            readdirSync(join(system.dataDir, 'builders', name)).filter((entry) =>
              entry.startsWith('build-'),
            ),
          ),
      ]
      await until(() => left().length === 0, {
        timeout_ms: 20_000,
        what: 'nothing to be left',
        seen: left,
      })
      await assertBuildersIdle(system.dataDir)
    })

    test('the system stops cleanly', async () => {
      await system.stop()
    })
  },
)
