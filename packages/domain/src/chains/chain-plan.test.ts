import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type ChainStep, cyclesOf, edgesOf, wavesOf } from './chain-graph.ts'
import { cycleText, planChroot } from './chain-plan.ts'

const at = (seconds: number): Date => new Date(1_800_000_000_000 + seconds * 1000)

/** A package with its real dependencies. A simulated builder discovers those that a chain cannot know in advance. */
interface Source {
  name: string
  /** The BuildRequires in the SRPM's header. */
  header?: string[]
  /** The BuildRequires that only an attempt discovers. */
  generated?: string[]
  /** The Provides that the spec declares. */
  declares?: string[]
  /** The Provides that the packages only get when they are built. */
  gains?: string[]
  fails?: boolean
}

interface Outcome {
  /** The packages in the order in which they were built. */
  order: string[]
  attempts: number
  steps: ChainStep[]
  reasons: Map<string, string>
}

function stepOf({ name, header = [] }: Source, id: number): ChainStep {
  return {
    build_chroot_id: id,
    build_id: id,
    package_name: name,
    phase: 'parked',
    requires: header,
    unmet: [],
    provides: [],
    released_with: null,
    is_stuck: false,
    ended_at: null,
  }
}

/** Simulates a chain with one builder, in a chroot whose repositories provide `repository`. */
function simulate(sources: Source[], repository: string[] = []): Outcome {
  const steps = sources.map(stepOf)
  const offered = new Set(repository)
  const outcome: Outcome = { order: [], attempts: 0, steps, reasons: new Map() }
  for (let round = 0; ; round++) {
    assert.ok(round <= 10 * sources.length + 10, 'the chain does not end')
    const plan = planChroot(steps, { is_moving: false })
    const built = steps.filter(({ phase }) => phase === 'succeeded').length
    for (const step of plan.release) Object.assign(step, { phase: 'active', released_with: built })
    for (const { step, reason } of plan.stuck) {
      Object.assign(step, { phase: 'ended', is_stuck: true })
      outcome.reasons.set(step.package_name, reason)
    }
    const next = steps.find(({ phase }) => phase === 'active')
    if (!next) {
      if (steps.some(({ phase }) => phase === 'parked')) continue
      return outcome
    }
    attempt(next, sources[next.build_id] ?? { name: '' })
  }

  function attempt(step: ChainStep, source: Source): void {
    const { name, header = [], generated = [], declares = [], gains = [], fails } = source
    outcome.attempts++
    // %generate_buildrequires runs only once the static BuildRequires are installed.
    const lacking = (wanted: string[]) => wanted.filter((one) => !offered.has(one))
    const unmet = lacking(header).length > 0 ? lacking(header) : lacking(generated)
    if (unmet.length > 0 || fails) {
      const phase = unmet.length > 0 ? 'parked' : 'ended'
      return void Object.assign(step, { phase, unmet, provides: [name, ...declares] })
    }
    const time = at(outcome.order.push(name))
    const provides = [name, ...declares, ...gains]
    for (const one of provides) offered.add(one)
    const requires = [...header, ...generated]
    Object.assign(step, { phase: 'succeeded', requires, provides, ended_at: time })
  }
}

suite('planChroot()', () => {
  test('starts each package after those that it requires, whether or not the headers reveal the requirement', () => {
    const { order, attempts } = simulate([
      { name: 'app', header: ['lib', 'perl(Lib)'] },
      { name: 'lib', header: ['base'] },
      { name: 'perl-Lib', gains: ['perl(Lib)'], header: ['pkgconfig(base)'] },
      { name: 'base', gains: ['pkgconfig(base)'] },
      { name: 'tool', generated: ['app'] },
    ])
    assert.deepEqual(order.toSorted(), ['app', 'base', 'lib', 'perl-Lib', 'tool'])
    for (const [first, second] of [
      ['base', 'lib'],
      ['base', 'perl-Lib'],
      ['lib', 'app'],
      ['perl-Lib', 'app'],
      ['app', 'tool'],
    ] as const)
      assert.ok(
        order.indexOf(first) < order.indexOf(second),
        `${first} before ${second}: ${order.join()}`,
      )
    // Two extra attempts, for requirements whose provider the names do not reveal. perl(Lib) costs none, because app also waits for lib.
    assert.equal(attempts, 5 + 2)
  })

  test('reports the cycle with its requirements and the packages that wait for it, and builds the rest', () => {
    const { order, reasons } = simulate([
      { name: 'a', header: ['b-devel'] },
      { name: 'b', header: ['virtual(c)'], declares: ['b-devel'] },
      { name: 'c', generated: ['a'], declares: ['virtual(c)'] },
      { name: 'd', header: ['c'] },
      { name: 'e' },
      { name: 'f', header: ['nowhere'] },
    ])
    assert.deepEqual(order, ['e'])
    const cycle =
      'The chain has a cycle: a -> b -> c -> a (a requires b-devel, b requires virtual(c), c requires a)'
    for (const name of ['a', 'b', 'c']) assert.equal(reasons.get(name), cycle)
    assert.equal(
      reasons.get('d'),
      'Requirements cannot be met: c (of c, build 2, which is on a cycle)',
    )
    assert.equal(
      reasons.get('f'),
      'Requirements cannot be met: nowhere (neither a repository nor a package of the chain provides it)',
    )
  })

  test('builds packages that require one another if the repositories contain earlier versions of them', () => {
    const { order, reasons } = simulate(
      [
        { name: 'app', header: ['gcc'] },
        { name: 'gcc', header: ['glibc'] },
        { name: 'glibc', header: ['gcc'] },
      ],
      ['gcc', 'glibc'],
    )
    assert.deepEqual([...reasons], [])
    assert.equal(order.length, 3)
    assert.ok(order.indexOf('gcc') < order.indexOf('app'), 'app is built with the gcc of the chain')
  })

  test('builds a package if a repository provides the requirement that failed to build in the chain, and otherwise names the failed build', () => {
    const sources = [
      { name: 'app', header: ['lib'] },
      { name: 'lib', fails: true },
    ]
    assert.deepEqual(simulate(sources, ['lib']).order, ['app'])
    const { order, reasons } = simulate(sources)
    assert.deepEqual(order, [])
    assert.equal(
      reasons.get('app'),
      'Requirements cannot be met: lib (of lib, build 1, which has not succeeded)',
    )
  })

  test('waits for a version that another package of the chain will provide', () => {
    const steps: ChainStep[] = [
      { ...stepOf({ name: 'a' }, 1), released_with: 0, unmet: ['b >= 2'] },
      { ...stepOf({ name: 'b' }, 2), phase: 'succeeded', provides: ['b = 1-1'] },
      { ...stepOf({ name: 'c' }, 3), phase: 'active' },
    ]
    assert.deepEqual(planChroot(steps, { is_moving: false }).release, [])
    steps[1] = { ...(steps[1] ?? stepOf({ name: 'b' }, 2)), provides: ['b = 2-1'] }
    assert.deepEqual(planChroot(steps, { is_moving: false }).release, [steps[0]])
  })

  test('considers no package stuck while sources are not ready', () => {
    const steps = [{ ...stepOf({ name: 'a' }, 1), released_with: 0, unmet: ['b'] }]
    assert.deepEqual(planChroot(steps, { is_moving: true }), { release: [], stuck: [] })
    assert.equal(planChroot(steps, { is_moving: false }).stuck.length, 1)
  })

  for (let seed = 1; seed <= 40; seed++)
    test(`builds random graph ${seed} in order, each package once, and all but cycles and what needs them`, () => {
      const random = randomOf(seed)
      const count = 5 + random(30)
      const needs = Array.from({ length: count }, (_, i) => {
        // Most packages need only earlier ones; about one in ten may need any package, which can cause cycles.
        const pool = random(10) === 0 ? count : i
        return pool === 0 ? [] : Array.from({ length: random(4) }, () => random(pool))
      })
      const sources = needs.map((list, i): Source => {
        const words = list.map((n) => [`p${n}`, `declared(${n})`, `gained(${n})`][random(3)] ?? '')
        const isHidden = random(3) === 0
        return {
          name: `p${i}`,
          ...(isHidden ? { generated: words } : { header: words }),
          declares: [`declared(${i})`],
          gains: [`gained(${i})`],
        }
      })
      const { order, reasons, steps, attempts } = simulate(sources)
      assert.equal(new Set(order).size, order.length, 'a package was built twice')
      assert.equal(order.length + reasons.size, count)
      // The packages that can be built, computed independently: adds packages whose needs can all be built, until there are no more.
      const buildable = new Set<number>()
      for (let grown = true; grown;) {
        grown = false
        for (const [i, list] of needs.entries())
          if (!buildable.has(i) && list.every((n) => buildable.has(n))) {
            buildable.add(i)
            grown = true
          }
      }
      assert.deepEqual(new Set(order), new Set([...buildable].map((i) => `p${i}`)))
      for (const [i, list] of needs.entries())
        if (buildable.has(i))
          for (const n of list) assert.ok(order.indexOf(`p${n}`) < order.indexOf(`p${i}`))
      assert.ok(attempts <= 5 * count, `${attempts} attempts for ${count} packages`)
      const waves = wavesOf(steps, edgesOf(steps))
      for (const { step, provider } of edgesOf(steps).filter(({ step }) => waves.has(step)))
        assert.ok((waves.get(provider) ?? 0) < (waves.get(step) ?? 0))
    })
})

test('cyclesOf() returns a shortest cycle of each group, starting at the alphabetically first package, and each package that requires itself', () => {
  const step = (name: string, id: number, requires: string[]) =>
    stepOf({ name, header: requires }, id)
  const steps = [
    step('z', 1, ['y']),
    step('y', 2, ['x', 'z']),
    step('x', 3, ['z']),
    step('self', 4, ['self', 'z']),
    step('free', 5, ['z']),
  ]
  assert.deepEqual(cyclesOf(steps, edgesOf(steps)).map(cycleText), [
    'self -> self (self requires self)',
    'x -> z -> y -> x (x requires z, z requires y, y requires x)',
  ])
})

test('edgesOf() compares few versions even if 300 packages claim to provide the same 500 names', () => {
  const names = Array.from({ length: 500 }, (_, i) => `common-${i}`)
  const steps = Array.from({ length: 300 }, (_, i) => ({
    ...stepOf({ name: `p${i}`, header: names.map((name) => `${name} >= 1.${i}`) }, i),
    provides: names.map((name) => `${name} = 2-1`),
  }))
  // Without the limit on providers, this would compare 45 million versions: 500 names, each required by 300 packages and provided by 300.
  const cpu = process.cpuUsage()
  assert.equal(edgesOf(steps).length, 300 * 500)
  assert.ok(process.cpuUsage(cpu).user < 10e6)
})

test('wavesOf() and cyclesOf() handle a chain of 5000 packages, and a cycle of 5000 packages', () => {
  const steps = Array.from({ length: 5000 }, (_, i) =>
    stepOf({ name: `p${i}`, header: i === 0 ? [] : [`p${i - 1}`] }, i),
  )
  const last = steps.at(-1)
  assert.equal(last && wavesOf(steps, edgesOf(steps)).get(last), 5000)
  steps[0]?.requires.push('p4999')
  assert.equal(cyclesOf(steps, edgesOf(steps))[0]?.length, 5000)
})

/** Returns a small deterministic generator of integers from 0 to below a limit. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761
  return (limit) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0
    return state % limit
  }
}
