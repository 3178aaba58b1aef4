import { mkdir } from 'node:fs/promises'
import type { AgentConfig } from '@copr/contract/agent-config'
import type { FinishRequest, SelfTest, Task } from '@copr/contract/builder-protocol'
import type { PrivateUrls } from '@copr/contract/private-urls'
import { runAgent } from '@copr/agent/agent'
import type { TaskContext } from '@copr/agent/handler'
import { addressRules } from '@copr/process/guarded/address-rules'
import type { Logger } from '@copr/process/log'
import { buildDiskFaults } from './disk/build-disk-faults.ts'
import { checkMachine } from './check-machine.ts'
import { buildByMock, hasMock } from './mock/mock-engine.ts'
import { buildNatively } from './native-engine.ts'
import { openScratch, type Scratch } from './scratch.ts'
import { makeFromDistgit } from './sources/from-distgit.ts'
import { makeFromGem } from './sources/from-gem.ts'
import { makeFromPypi } from './sources/from-pypi.ts'
import { makeFromScm } from './sources/from-scm.ts'
import { makeFromScript } from './sources/from-script.ts'
import { makeFromSpec } from './sources/from-spec.ts'
import { fetchLinkedSrpm } from './sources/fetch-linked-srpm.ts'

export interface BuilderOptions {
  gateway_url: string
  enroll_token: string
  name: string
  /** Directory for the builds, and also for the caches unless `cache_dir` is set. Builders on the same machine may share it. */
  scratch_dir: string
  /** Directory for cached buildroots and packages. Builders may share it. It must be on the same disk as the scratch directory. */
  cache_dir?: string
  arches: string[]
  tags: string[]
  /** Private addresses that users' source and repository URLs may point to, in addition to the public internet. */
  allow_private_urls: PrivateUrls
  /** `auto` uses mock if it is installed. Default: native. */
  engine?: AgentConfig['engine']
  /**
   * The result of an earlier self-test, for the gateway, which gives no tasks to a faulty machine. If unset, the machine is checked now,
   * and any fault is fatal.
   */
  self_test?: SelfTest
  fetch?: typeof globalThis.fetch
  log: Logger
  stop: AbortSignal
}

/** Runs source and RPM tasks until `stop` aborts; rejects if this machine cannot build, or if the gateway no longer knows it. */
export async function runBuilder(options: BuilderOptions): Promise<void> {
  const { self_test, fetch } = options
  if (!self_test) {
    await mkdir(options.scratch_dir, { recursive: true, mode: 0o700 })
    await checkMachine({ dir: options.scratch_dir })
  }
  const { engine = 'native' } = options
  const byMock = engine === 'mock' || (engine === 'auto' && (await hasMock()))
  await using scratch = await openScratch(options.scratch_dir, options.cache_dir)
  const diskFaults = await buildDiskFaults(scratch.builds_dir)
  for (const reason of diskFaults)
    options.log.warn({ reason }, "Builds share the machine's disk and can fill it")
  const own_disk = diskFaults.length === 0
  await runAgent({
    gateway_url: options.gateway_url,
    enroll_token: options.enroll_token,
    name: options.name,
    kinds: ['source', 'rpm'],
    arches: options.arches,
    tags: options.tags,
    handlers: (task, context) => doTask(task, context, { ...scratch, byMock, own_disk }, options),
    log: options.log,
    stop: options.stop,
    ...(self_test && { self_test }),
    ...(fetch && { fetch }),
  })
}

async function doTask(
  task: Task,
  context: TaskContext,
  scratch: Scratch & { byMock: boolean; own_disk: boolean },
  options: BuilderOptions,
): Promise<FinishRequest> {
  const rules = addressRules(options.allow_private_urls)
  switch (task.kind) {
    case 'source': {
      const { source } = task
      const engine = { ...scratch, rules }
      switch (source.type) {
        case 'link':
          if (!task.root) return await fetchLinkedSrpm({ ...task, source }, context, engine)
          return await makeFromSpec({ ...task, source }, context, engine)
        case 'upload':
          return await makeFromSpec({ ...task, source }, context, engine)
        case 'scm':
          return await makeFromScm({ ...task, source }, context, engine)
        case 'distgit':
          return await makeFromDistgit({ ...task, source }, context, engine)
        case 'custom':
          return await makeFromScript({ ...task, source }, context, engine)
        case 'pypi':
          return await makeFromPypi({ ...task, source }, context, engine)
        case 'rubygems':
          return await makeFromGem({ ...task, source }, context, engine)
      }
    }
    case 'rpm':
      return await (scratch.byMock ? buildByMock : buildNatively)(task, context, {
        ...scratch,
        rules,
      })
    case 'import':
      throw new Error('Builders do not run import tasks')
  }
}
