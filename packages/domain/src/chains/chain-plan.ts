import { type ChainStep, cyclesOf, type Edge, edgesOf, offersOf } from './chain-graph.ts'
import { components } from './components.ts'

/** The actions that are due for the parked steps of a chain in one chroot. */
export interface ChainPlan {
  /** The steps to queue. */
  release: ChainStep[]
  /** The steps that can never start, each with the reason. */
  stuck: { step: ChainStep; reason: string }[]
}

/**
 * Decides which parked steps to queue and which to give up, from the state of the steps alone:
 *
 * - A step that was never tried is queued once none of its source package's requirements depends on another unfinished step.
 * - A step whose last attempt found requirements missing is queued once packages published since then provide all of them.
 * - If neither applies to any step and all unfinished steps are parked, those not tried since the last publication are queued, first the
 *   ones that other steps need. Such an attempt may succeed, because the plan does not know all provided files, nor the contents of other
 *   repositories.
 * - Steps that are still parked after that are stuck.
 *
 * `is_moving` is true while some source packages are not ready, because their names are not known yet.
 */
export function planChroot(
  steps: readonly ChainStep[],
  { is_moving }: { is_moving: boolean },
): ChainPlan {
  const parked = steps.filter(({ phase }) => phase === 'parked')
  if (parked.length === 0) return { release: [], stuck: [] }
  const built = steps.filter(({ phase }) => phase === 'succeeded')
  const unfinished = steps.filter(({ phase }) => phase !== 'succeeded' && phase !== 'ended')
  const offered = { built: offersOf(built), unfinished: offersOf(unfinished) }
  const isUntried = ({ released_with }: ChainStep): boolean =>
    released_with === null || released_with < built.length
  const isReady = (step: ChainStep): boolean =>
    step.released_with === null
      ? step.requires.every(
          (one) =>
            offered.built(one).length > 0 ||
            offered.unfinished(one).every((provider) => provider === step),
        )
      : isUntried(step) && step.unmet.every((one) => offered.built(one).length > 0)
  const ready = parked.filter(isReady)
  if (ready.length > 0) return { release: ready, stuck: [] }
  if (is_moving || parked.length < unfinished.length) return { release: [], stuck: [] }
  const untried = parked.filter(isUntried)
  if (untried.length > 0) return { release: firstOf(untried), stuck: [] }
  return { release: [], stuck: stuckSteps(steps, parked) }
}

/** Returns the steps that need none of the others, except those with which they are on a cycle. */
function firstOf(steps: ChainStep[]): ChainStep[] {
  const needed = Map.groupBy(edgesOf(steps), ({ step }) => step)
  const graph = (step: ChainStep) => (needed.get(step) ?? []).map(({ provider }) => provider)
  return components(steps, graph)
    .filter((component) =>
      component.every((step) => graph(step).every((one) => component.includes(one))),
    )
    .flat()
}

function stuckSteps(steps: readonly ChainStep[], parked: ChainStep[]): ChainPlan['stuck'] {
  const edges = edgesOf(steps)
  const cycles = cyclesOf(parked, unmetOnly(edges))
  return parked.map((step) => ({ step, reason: reasonFor(step, edges, cycles) }))
}

/** Keeps only the edges for requirements that were missing in the last attempt of a step. */
export function unmetOnly(edges: readonly Edge[]): Edge[] {
  return edges.filter(({ step, requirement }) => step.unmet.includes(requirement))
}

/** Long enough for a cycle of 20 packages. */
const MAX_REASON_LENGTH = 1800

function reasonFor(step: ChainStep, edges: Edge[], cycles: Edge[][]): string {
  const own = cycles.find((cycle) => cycle.some((edge) => edge.step === step))
  if (own) return shortened(`The chain has a cycle: ${cycleText(own)}`)
  const needs = step.unmet.map((requirement) => {
    const edge = edges.find((one) => one.step === step && one.requirement === requirement)
    return `${requirement} (${edge ? lackText(edge.provider, cycles) : 'neither a repository nor a package of the chain provides it'})`
  })
  return shortened(`Requirements cannot be met: ${needs.join(', ')}`)
}

function lackText(provider: ChainStep, cycles: Edge[][]): string {
  const { package_name, build_id, phase } = provider
  const named = `of ${package_name}, build ${build_id}`
  if (phase === 'ended') return `${named}, which has not succeeded`
  if (cycles.some((cycle) => cycle.some((edge) => edge.step === provider)))
    return `${named}, which is on a cycle`
  return `${named}, which cannot start either`
}

/** Describes a cycle as `a -> b -> a (a requires b-devel, b requires a-libs)`. */
export function cycleText(cycle: readonly Edge[]): string {
  const names = cycle.map(({ step }) => step.package_name)
  const needs = cycle.map(({ step, requirement }) => `${step.package_name} requires ${requirement}`)
  return `${[...names, names[0]].join(' -> ')} (${needs.join(', ')})`
}

function shortened(text: string): string {
  return text.length > MAX_REASON_LENGTH ? `${text.slice(0, MAX_REASON_LENGTH - 1)}…` : text
}
