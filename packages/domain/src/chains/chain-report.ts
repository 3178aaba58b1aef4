import type { BuildState } from '@copr/contract/states'
import type { Db } from '../database/open.ts'
import { edgesOf, cyclesOf, type Edge, wavesOf } from './chain-graph.ts'
import { cycleText, unmetOnly } from './chain-plan.ts'
import { type Chain, findChain } from './chains.ts'
import { loadSteps, type ShownStep } from './chain-steps.ts'

interface ChainBuild {
  id: number
  /** Null until the source package is known. */
  package_name: string | null
  state: BuildState
}

export interface ChainPackage {
  build_id: number
  package_name: string
  state: BuildState
  /** Counted from 1; null for a package that is on a cycle or needs one that is. */
  wave: number | null
  /** Why it waits or failed; null if there is no reason. */
  state_reason: string | null
  /** The other packages of the chain that it needs, each with one requirement that it satisfies. */
  needs: { requirement: string; build_id: number; package_name: string }[]
  /** The requirements that no repository provided in its last attempt; empty if it has succeeded. */
  unmet: string[]
}

export interface ChainChroot {
  name: string
  packages: ChainPackage[]
  cycles: { text: string; build_ids: number[] }[]
}

export interface ChainReport {
  chain: Chain
  ownername: string
  projectname: string
  state: 'open' | 'running' | 'succeeded' | 'failed' | 'canceled'
  builds: ChainBuild[]
  /** Numbers of builds, in total and by state. */
  counts: { total: number; waiting: number; running: number; succeeded: number; failed: number }
  chroots: ChainChroot[]
}

/** Describes a chain: its builds and, for each chroot, their order as far as it is known. Returns undefined if there is no such chain. */
export async function chainReport(db: Db, id: number): Promise<ChainReport | undefined> {
  const chain = await findChain(db, id)
  if (!chain) return undefined
  const project = await db
    .selectFrom('project')
    .select(['ownername', 'name as projectname'])
    .where('id', '=', chain.project_id)
    .executeTakeFirstOrThrow()
  const builds = await db
    .selectFrom('build')
    .leftJoin('package', 'package.id', 'build.package_id')
    .select(['build.id', 'package.name as package_name', 'build.state', 'build.finished_at'])
    .where('build.chain_id', '=', id)
    .orderBy('build.id')
    .execute()
  const steps = await loadSteps(db, id)
  const chroots = [...Map.groupBy(steps, ({ chroot }) => chroot)].map(([name, some]) =>
    describeChroot(name, some),
  )
  const failed = builds.filter(({ state, finished_at }) => finished_at && state !== 'succeeded')
  const unfinished = builds.filter(({ finished_at }) => finished_at === null)
  const waiting = unfinished.filter(({ state }) => state === 'pending' || state === 'waiting')
  const counts = {
    total: builds.length,
    waiting: waiting.length,
    running: unfinished.length - waiting.length,
    succeeded: builds.length - failed.length - unfinished.length,
    failed: failed.length,
  }
  return {
    chain,
    ...project,
    state: stateOf(chain, builds, unfinished.length),
    builds: builds.map(({ finished_at: _, ...build }) => build),
    counts,
    chroots,
  }
}

function stateOf(
  { started_at }: Chain,
  builds: ChainBuild[],
  unfinished: number,
): ChainReport['state'] {
  if (started_at === null) return 'open'
  if (unfinished > 0) return 'running'
  if (builds.some(({ state }) => state === 'failed')) return 'failed'
  return builds.some(({ state }) => state === 'canceled') ? 'canceled' : 'succeeded'
}

function describeChroot(name: string, steps: ShownStep[]): ChainChroot {
  const edges = edgesOf(steps)
  const waves = wavesOf(steps, edges)
  const waiting = steps.filter(({ phase, is_stuck }) => phase === 'parked' || is_stuck)
  const cycles = cyclesOf(waiting, unmetOnly(edges))
  const needed = Map.groupBy(edges, ({ step }) => step)
  return {
    name,
    packages: steps.map((step) => ({
      build_id: step.build_id,
      package_name: step.package_name,
      state: step.state,
      wave: waves.get(step) ?? null,
      state_reason: step.state_reason,
      needs: needsOf(needed.get(step) ?? []),
      unmet: step.phase === 'succeeded' ? [] : step.unmet,
    })),
    cycles: cycles.map((cycle) => ({
      text: cycleText(cycle),
      build_ids: cycle.map(({ step }) => step.build_id),
    })),
  }
}

function needsOf(edges: Edge[]): ChainPackage['needs'] {
  const first = new Map(edges.toReversed().map((edge) => [edge.provider, edge]))
  return [...first.values()].reverse().map(({ requirement, provider }) => ({
    requirement,
    build_id: provider.build_id,
    package_name: provider.package_name,
  }))
}
