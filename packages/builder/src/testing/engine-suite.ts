import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { FinishRequest, RpmTask } from '@copr/contract/builder-protocol'
import { buildDiskFaults } from '../disk/build-disk-faults.ts'
import { machineFaults } from '../check-machine.ts'
import type { EngineOptions } from '../engine.ts'
import { buildNatively } from '../native-engine.ts'
import { type BuildFixture, buildFixture, recordedContext } from './build-fixture.ts'

export { processesWith } from './processes.ts'

const faults = await machineFaults()
/** The reason to skip the engine's tests on this machine, or false. */
export const skip = faults.length > 0 && faults.join('; ')
const diskFaults = skip ? [] : await buildDiskFaults()
/** The reason to skip the tests of build disks on this machine, or false. */
export const noDisk = skip || (diskFaults.length > 0 && diskFaults.join('; '))
export let fixture: BuildFixture
/** Engine options that a test may set. */
type TestOptions = Pick<EngineOptions, 'limits' | 'rules'>
let count = 0

let opening: Promise<BuildFixture> | undefined

/**
 * Opens the {@link fixture} for the tests of a file; if one process runs the file several times, opens it only once. With `warm`, also runs
 * a build that fills the buildroot cache, for tests whose limits are too low for creating the buildroot.
 */
export function useFixture({ warm = false } = {}): void {
  before(async () => {
    if (skip) return
    fixture = await (opening ??= buildFixture())
    if (!warm) return
    const { context, outcome } = await build(await fixture.task(specOf()))
    assert.equal(outcome.outcome, 'succeeded', context.text())
  })
  after(async () => {
    if (!skip) await fixture[Symbol.asyncDispose]()
  })
}

/** Returns a spec file that has these sections and packages one file. */
export function specOf(
  sections: { head?: string; prep?: string; build?: string; check?: string; name?: string } = {},
): string {
  const { head = '', prep = '', build = '', check = '', name = 'probe' } = sections
  return `Name: ${name}
Version: 1.0
Release: 1
Summary: A probe
License: MIT
BuildArch: noarch
${head}

%description
A probe.

%prep
${prep}
%build
${build}
%install
install -d %{buildroot}/usr/share/${name}
echo data >%{buildroot}/usr/share/${name}/data
%check
${check}
%files
/usr/share/${name}
`
}

export function start(
  task: RpmTask,
  context = recordedContext(join(fixture.dir, `run-${++count}`)),
  options: TestOptions = {},
) {
  const builds_dir = join(fixture.dir, 'builds')
  return {
    context,
    outcome: buildNatively(task, context, {
      builds_dir,
      own_disk: !noDisk,
      cache_dir: fixture.cacheDir,
      ...options,
    }),
  }
}

export async function build(task: RpmTask, options?: TestOptions) {
  const { context, outcome } = start(task, undefined, options)
  return { context, outcome: await outcome }
}

/** Runs `script` in the %check section of a build that must succeed; returns the lines that it wrote to stdout and stderr. */
export async function probe(script: string, options: Partial<RpmTask> = {}): Promise<string[]> {
  const task = await fixture.task(
    specOf({ check: `set +ex\n{\n${script}\n} 2>&1 | sed 's/^/probe: /'` }),
    options,
  )
  const { context, outcome } = await build(task)
  assert.equal(outcome.outcome, 'succeeded', context.text())
  return [...context.text().matchAll(/^probe: (.*)$/gm)].map((match) => match[1] ?? '')
}

export function reasonOf(outcome: FinishRequest): string {
  return 'reason' in outcome ? outcome.reason : ''
}

/**
 * Returns a duration for `sleep` that exceeds the duration of any test and that occurs in the arguments of no other process on the machine.
 */
export function uniqueSeconds(): string {
  return `${10_000_000 + process.pid}${++count}`
}
