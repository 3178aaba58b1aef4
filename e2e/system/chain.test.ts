import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { ChainAnswer } from '@copr/contract/api/chains'
import type { BuildAnswer } from '@copr/contract/api/builds'
import { openDb } from '@copr/domain/database/open'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { run } from '@copr/process/run'
import { COMPILE_CACHE } from '@copr/testkit/compile-cache'
import { readRepository } from '@copr/testkit/system/repository'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { COPRCTL, startSystem, type System } from '@copr/testkit/system/start-system'
import { tinySources, type TinySources } from '@copr/testkit/system/tiny-srpm'

const PROJECT = 'chain'
const COUNT = 26
/** Three packages that require one another in a cycle. */
const CYCLE = ['circle-a', 'circle-b', 'circle-c'] as const
const CYCLE_TEXT =
  'circle-a -> circle-b -> circle-c -> circle-a (circle-a requires virtual(circle-b), circle-b requires circle-c-devel, circle-c requires circle-a)'

/** The ways in which a package can require another: by name, by name and version, by a virtual Provides, by a subpackage, by a file. */
const WAYS = [
  (name: string) => name,
  (name: string) => `${name} >= 1.0`,
  (name: string) => `virtual(${name})`,
  (name: string) => `${name}-devel`,
  (name: string) => `/usr/bin/run-${name}`,
] as const

/** Numbers the packages in an order that differs from their order in the graph, because tasks are queued in upload order. */
const nameOf = (i: number): string => `chain-${String((i * 7 + 20) % COUNT).padStart(2, '0')}`

/** The packages that package `i` requires: none for the first six, then one or two earlier ones. */
function neededBy(i: number): number[] {
  if (i < 6) return []
  const first = i - 6 + (i % 2)
  const second = (i * 5) % (i - 2)
  return [...new Set(i % 4 === 0 ? [first] : [first, second])]
}

/** The wave in which package `i` must be built, counted from 1. */
function waveOf(i: number): number {
  return 1 + Math.max(0, ...neededBy(i).map(waveOf))
}

const offers = (name: string) => ({
  provides: [`virtual(${name})`],
  subpackages: [`${name}-devel`],
  file: `/usr/bin/run-${name}`,
})

suite('a chain of 30 packages with one cycle', { skip: whyNoSystem(process.env['PATH']) }, () => {
  let system: System
  let sources: TinySources
  let folder: string
  let chain: ChainAnswer
  let said: string

  before(async () => {
    sources = tinySources()
    folder = join(sources.dir, 'chain')
    mkdirSync(folder)
    const wanted = [
      ...Array.from({ length: COUNT }, (_, i) => {
        const words = neededBy(i).map((n, at) =>
          (WAYS[(i + at) % WAYS.length] ?? WAYS[0])(nameOf(n)),
        )
        const requires = i % 5 === 3 ? { generates: words } : { requires: words }
        return { name: nameOf(i), ...offers(nameOf(i)), ...(words.length > 0 && requires) }
      }),
      { name: CYCLE[0], ...offers(CYCLE[0]), requires: [`virtual(${CYCLE[1]})`] },
      { name: CYCLE[1], ...offers(CYCLE[1]), requires: [`${CYCLE[2]}-devel`, nameOf(0)] },
      { name: CYCLE[2], ...offers(CYCLE[2]), generates: [CYCLE[0]] },
      { name: 'behind', requires: [CYCLE[1]] },
    ]
    const make = async (): Promise<void> => {
      for (let next = wanted.shift(); next; next = wanted.shift()) {
        const srpm = await sources.make(next)
        copyFileSync(srpm, join(folder, basename(srpm)))
      }
    }
    const made = Promise.all([make(), make()])
    system = await startSystem({ builders: 2 })
    await made
    await system.api.createProject(PROJECT)
  })
  after(async () => {
    sources?.[Symbol.dispose]()
    await system?.[Symbol.asyncDispose]()
  })

  test('`coprctl submit --chain` waits until the chain ends, and fails because the chain contains a cycle', async (t) => {
    const config = ['--config', join(system.dataDir, 'copr.conf')]
    const target = `${system.api.username}/${PROJECT}`
    const command = ['submit', '--chain', folder, target, '--json', ...config]
    const began = performance.now()
    const ended = await run(process.execPath, [COPRCTL, ...command], { env: COMPILE_CACHE })
    t.diagnostic(`the chain took ${((performance.now() - began) / 1000).toFixed(1)} s`)
    said = ended.output
    const log = readFileSync(join(system.dataDir, 'logs', 'copr.log'), 'utf8')
    const attempts = log.match(/"kind":"rpm".*"msg":"Task claimed"/g)?.length ?? 0
    t.diagnostic(`${attempts} attempts`)
    assert.ok(attempts <= 3 * 30, `${attempts} attempts for 30 packages`)
    assert.ok(!ended.ok)
    assert.equal(ended.exit_code, 1, said)
    const id = Number(/^Chain (\d+): /m.exec(said)?.[1])
    const { status, body } = await system.api.raw('GET', `chain/${id}`)
    assert.equal(status, 200)
    chain = body as ChainAnswer
    assert.equal(chain.state, 'failed')
    assert.deepEqual(chain.counts, {
      total: 30,
      waiting: 0,
      running: 0,
      succeeded: COUNT,
      failed: 4,
    })
    assert.match(said, /^built +chain-25 \(\d+ of 30\)$/m)
  })

  test('the chain reports its cycle and the requirements that form it', async () => {
    const [chroot] = chain.chroots
    assert.deepEqual(
      chroot?.cycles.map(({ text }) => text),
      [CYCLE_TEXT],
    )
    const reasonOf = (name: string) => chroot?.packages.find((one) => one.package === name)?.reason
    for (const name of CYCLE) assert.equal(reasonOf(name), `The chain has a cycle: ${CYCLE_TEXT}`)
    assert.match(
      reasonOf('behind') ?? '',
      /^Requirements cannot be met: circle-b \(of circle-b, build \d+, which is on a cycle\)$/,
    )
    assert.ok(said.includes(`cycle     ${CYCLE_TEXT}`))
    const page = await fetch(
      `${system.url}/coprs/${system.api.username}/${PROJECT}/chain/${chain.id}/`,
    )
    assert.ok((await page.text()).includes('circle-a -&gt; circle-b -&gt; circle-c -&gt; circle-a'))
  })

  test('every package is built after the packages that it requires, and in the expected wave', async () => {
    const packages = new Map(chain.chroots[0]?.packages.map((one) => [one.package, one]))
    const ends = await endsOf(system)
    for (let i = 0; i < COUNT; i++) {
      const one = packages.get(nameOf(i))
      assert.equal(one?.wave, waveOf(i), `the wave of ${nameOf(i)}`)
      assert.deepEqual(
        one.needs.map((need) => need.package).toSorted(),
        neededBy(i).map(nameOf).toSorted(),
      )
      const own = ends.get(one.build_id)
      for (const n of neededBy(i)) {
        const provider = ends.get(packages.get(nameOf(n))?.build_id ?? 0)
        assert.ok(provider && own && provider < own, `${nameOf(n)} ends before ${nameOf(i)}`)
      }
    }
  })

  test('every package has one build, and rpmbuild -ba runs once if the build succeeds and never if it fails', async () => {
    const { body } = await system.api.raw(
      'GET',
      `build/list?ownername=${system.api.username}&projectname=${PROJECT}&limit=1000`,
    )
    const builds = body['items'] as BuildAnswer[]
    assert.equal(builds.length, 30)
    assert.equal(new Set(builds.map((build) => build.source_package.name)).size, 30)
    for (const { id, state, source_package } of builds) {
      const runs = (await system.api.log(id)).match(/rpmbuild -ba /g)?.length ?? 0
      assert.equal(runs, state === 'succeeded' ? 1 : 0, `${source_package.name}: ${runs}`)
    }
    const url = `${system.url}/results/${system.api.username}/${PROJECT}/${DISTRO_CHROOT}/`
    const { packages } = await readRepository(url)
    // For each package: the main package, its subpackage and its source package.
    assert.equal(packages.length, COUNT * 3)
    assert.equal(new Set(packages.map(({ nevra }) => nevra)).size, COUNT * 3)
  })

  test('a folder with two versions of the same package is refused before anything is uploaded', async () => {
    const twice = join(sources.dir, 'twice')
    mkdirSync(twice)
    for (const version of ['1.0', '2.0']) {
      const srpm = await sources.make({ name: 'twin', version })
      copyFileSync(srpm, join(twice, basename(srpm)))
    }
    const config = ['--config', join(system.dataDir, 'copr.conf')]
    const ended = await run(
      process.execPath,
      [COPRCTL, 'submit', '--chain', twice, PROJECT, ...config],
      {
        env: COMPILE_CACHE,
      },
    )
    assert.ok(!ended.ok && ended.exit_code === 1)
    assert.match(
      ended.output,
      /twin-1\.0-1\.src\.rpm and .*twin-2\.0-1\.src\.rpm are both of the package twin/,
    )
  })
})

/** Returns when each build ended, read from the database because the API is less precise. */
async function endsOf({ databaseUrl }: System): Promise<Map<number, Date>> {
  const db = openDb(databaseUrl)
  try {
    const rows = await db.selectFrom('build_chroot').select(['build_id', 'ended_at']).execute()
    return new Map(
      rows.flatMap(({ build_id, ended_at }) => (ended_at ? [[build_id, ended_at]] : [])),
    )
  } finally {
    await db.destroy()
  }
}
