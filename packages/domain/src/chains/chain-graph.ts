import { operandsOf, overlap, parseDependency } from './dependency-text.ts'
import type { Requirement } from '@copr/rpm/package-info'
import { components } from './components.ts'

/**
 * The phases of a step:
 *
 * - `source`: its source package is being made or imported
 * - `parked`: it waits for other steps
 * - `active`: it is queued, being built or being published
 * - `succeeded`: it has ended and its packages can be installed
 * - `ended`: it has ended in any other way
 */
export type StepPhase = 'source' | 'parked' | 'active' | 'succeeded' | 'ended'

/** The build of one package of a chain in one chroot. Dependencies are strings such as `zlib-devel >= 1.3`. */
export interface ChainStep {
  build_chroot_id: number
  build_id: number
  package_name: string
  phase: StepPhase
  requires: string[]
  /** The requirements that no repository provided in the last attempt. */
  unmet: string[]
  /** Until the packages are built, the Provides that the spec declares; then all Provides of the packages. */
  provides: string[]
  /** The number of steps that had succeeded when the last attempt was queued; null before the first. */
  released_with: number | null
  is_stuck: boolean
  ended_at: Date | null
}

/** `step` has a requirement that `provider` provides or, once built, would provide. */
export interface Edge {
  step: ChainStep
  requirement: string
  provider: ChainStep
}

type Offers = (requirement: string) => ChainStep[]

/**
 * Maximum number of steps that count as providers of one name. Without a limit, comparing all versions that 300 hostile packages claim to
 * provide would take minutes.
 */
const MAX_PROVIDERS = 4

/**
 * Returns a function that finds the steps that provide a requirement. Until a step is built or its spec has been read, it is assumed to
 * provide its package's name, in any version.
 */
export function offersOf(steps: readonly ChainStep[]): Offers {
  const byName = new Map<string, { step: ChainStep; offer: Requirement }[]>()
  for (const step of steps) {
    const isGuess = step.provides.length === 0 && step.phase !== 'succeeded'
    for (const text of isGuess ? [step.package_name] : step.provides) {
      const offer = parseDependency(text)
      const list = byName.get(offer.name)
      if (list && list.length < MAX_PROVIDERS) list.push({ step, offer })
      else if (!list) byName.set(offer.name, [{ step, offer }])
    }
  }
  const find: Offers = (requirement) => [
    ...new Set(
      operandsOf(requirement).flatMap((operand) =>
        (byName.get(operand.name) ?? [])
          .filter(({ offer }) => overlap(offer, operand))
          .map(({ step }) => step),
      ),
    ),
  ]
  const known = new Map<string, ChainStep[]>()
  return (requirement) => {
    const found = known.get(requirement) ?? find(requirement)
    known.set(requirement, found)
    return found
  }
}

/**
 * Returns which step needs which requirement from which other step. If several steps provide a requirement, the one that succeeded first
 * counts.
 */
export function edgesOf(steps: readonly ChainStep[]): Edge[] {
  const offers = offersOf(steps)
  return steps.flatMap((step) =>
    [...new Set([...step.requires, ...step.unmet])].flatMap((requirement) => {
      const provider = providerFor(step, offers(requirement))
      return provider ? [{ step, requirement, provider }] : []
    }),
  )
}

function providerFor(step: ChainStep, found: ChainStep[]): ChainStep | undefined {
  const others = found.filter((one) => one !== step)
  const built = others
    .filter((one) => one.phase === 'succeeded' && isBefore(one, step))
    .toSorted((a, b) => Number(a.ended_at) - Number(b.ended_at))
  if (built[0] || step.phase === 'succeeded') return built[0]
  const isOpen = (one: ChainStep): boolean => one.phase !== 'succeeded' && one.phase !== 'ended'
  return others.find(isOpen) ?? others.find((one) => one.phase === 'ended') ?? found[0]
}

/**
 * Whether `step` may have been built with the packages of `provider`. The start time of `step` does not show that, because a build reads
 * the repositories later.
 */
function isBefore(provider: ChainStep, step: ChainStep): boolean {
  if (step.ended_at === null || provider.ended_at === null) return true
  return provider.ended_at < step.ended_at
}

/**
 * Numbers the waves, from 1: a step that needs no other is in wave 1, any other step is in the wave after the latest of the steps that it
 * needs. Steps on a cycle, and steps that need one on a cycle, are in no wave.
 */
export function wavesOf(
  steps: readonly ChainStep[],
  edges: readonly Edge[],
): Map<ChainStep, number> {
  const needed = Map.groupBy(edges, ({ step }) => step)
  const graph = (step: ChainStep) => (needed.get(step) ?? []).map(({ provider }) => provider)
  const waves = new Map<ChainStep, number>()
  // A component comes after those that it points to, so the waves of its providers are known.
  for (const component of components(steps, graph)) {
    const [step] = component
    if (!step || component.length > 1) continue
    const before = graph(step).map((provider) => waves.get(provider))
    if (before.includes(undefined)) continue
    waves.set(step, 1 + Math.max(0, ...before.map((wave) => wave ?? 0)))
  }
  return waves
}

/**
 * Returns one cycle for each group of steps that need one another: a shortest cycle through the group's alphabetically first step. Each
 * edge starts where the previous one ends.
 */
export function cyclesOf(steps: readonly ChainStep[], edges: readonly Edge[]): Edge[][] {
  const among = new Set(steps)
  const needed = Map.groupBy(
    edges.filter(({ step, provider }) => among.has(step) && among.has(provider)),
    ({ step }) => step,
  )
  const graph = (step: ChainStep) => (needed.get(step) ?? []).map(({ provider }) => provider)
  return components(steps, graph)
    .map((component) => component.toSorted(byName)[0])
    .flatMap((first) => (first ? [shortestCycle(first, needed)] : []))
    .filter((cycle) => cycle.length > 0)
    .toSorted((a, b) => (a[0] && b[0] ? byName(a[0].step, b[0].step) : 0))
}

/** Returns a shortest path from a step back to itself; empty if there is none. */
function shortestCycle(first: ChainStep, needed: Map<ChainStep, Edge[]>): Edge[] {
  const cameBy = new Map<ChainStep, Edge>()
  const queue = [first]
  for (const step of queue)
    for (const edge of needed.get(step) ?? []) {
      if (cameBy.has(edge.provider)) continue
      cameBy.set(edge.provider, edge)
      if (edge.provider === first) return wayBack(first, cameBy)
      queue.push(edge.provider)
    }
  return []
}

function wayBack(first: ChainStep, cameBy: Map<ChainStep, Edge>): Edge[] {
  const cycle: Edge[] = []
  let at = first
  do {
    const edge = cameBy.get(at)
    if (!edge) return []
    cycle.unshift(edge)
    at = edge.step
  } while (at !== first)
  return cycle
}

function byName(a: ChainStep, b: ChainStep): number {
  return a.package_name < b.package_name ? -1 : a.package_name > b.package_name ? 1 : 0
}
