/**
 * Builds the failing cases with the native engine in the mini distribution, and writes their logs to logs/NAME.log:
 * `node packages/builder/src/testing/failing-logs/record.ts [NAME ...]`. Prints for each case whether the engine describes the failure
 * as expected, and the differences.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FinishRequest, RpmTask } from '@copr/contract/builder-protocol'
import { RepoConfig } from '@copr/contract/chroot-config'
import { buildDiskFaults } from '../../disk/build-disk-faults.ts'
import { buildNatively } from '../../native-engine.ts'
import { limitsOfMachine } from '../../sandbox/limits.ts'
import { buildFixture, recordedContext } from '../build-fixture.ts'
import { CASES, type FailingCase } from './cases.ts'
import { detailsOf, faultsOf } from './check-case.ts'

const LOGS = fileURLToPath(new URL('logs/', import.meta.url))

const wanted = process.argv.slice(2)
const names = Object.keys(CASES).filter((name) => wanted.length === 0 || wanted.includes(name))
await mkdir(LOGS, { recursive: true })
await using fixture = await buildFixture()
const own_disk = (await buildDiskFaults()).length === 0

for (const name of names) {
  const one = CASES[name]
  if (one) await record(name, one)
}

async function record(name: string, one: FailingCase): Promise<void> {
  const context = recordedContext(join(fixture.dir, name))
  const building = buildNatively(await taskOf(one), context, {
    builds_dir: join(fixture.dir, 'builds'),
    own_disk,
    cache_dir: fixture.cacheDir,
    limits: { ...limitsOfMachine(), ...(one.memory_bytes && { memory_bytes: one.memory_bytes }) },
  })
  const outcome = await building.catch(() => undefined)
  await rm(join(fixture.dir, name), { recursive: true, force: true })
  const log = context.text().replaceAll(fixture.dir, '/tmp/copr-builder')
  await writeFile(join(LOGS, `${name}.log`), log)
  const faults = faultsOfOutcome(one, log, outcome)
  process.stdout.write(`${faults.length === 0 ? 'ok' : 'WRONG'} ${name}\n`)
  for (const fault of faults) process.stdout.write(`    ${fault}\n`)
}

/** The engine reports no outcome if the builder is at fault; the log must show that. */
function faultsOfOutcome(
  one: FailingCase,
  log: string,
  outcome: FinishRequest | undefined,
): string[] {
  if (outcome === undefined) return faultsOf(one, log, detailsOf(one, log))
  if (outcome.outcome !== 'failed' || !outcome.failure) return [`the build has ${outcome.outcome}`]
  return faultsOf(one, log, outcome.failure)
}

async function taskOf(one: FailingCase): Promise<RpmTask> {
  const { repo, chroot_repo, limits = {}, sources, timeout_seconds } = one
  const task = await fixture.task(specOf(one), {
    ...(sources && { files: sources }),
    ...(timeout_seconds && { timeout_seconds }),
    ...(repo && {
      repos: [
        { ...RepoConfig.parse({ id: 'user', name: 'user', baseurl: repo }), is_external: true },
      ],
    }),
  })
  const { chroot } = task
  const repos = chroot.repos.map((each) => ({ ...each, baseurl: chroot_repo ?? each.baseurl }))
  return {
    ...task,
    chroot: { ...chroot, repos },
    limits: { ...task.limits, ...limits },
  }
}

function specOf({ head = '', more = '', files = '', ...sections }: FailingCase): string {
  const { prep = '', build = '', install = '', check = '' } = sections
  return `Name: probe
Version: 1.0
Release: 1
Summary: A package that cannot be built
License: MIT
BuildArch: noarch
${head}

%description
It fails.

%prep
${prep}

%build
${build}

%install
install -d %{buildroot}/usr/share/probe
echo data >%{buildroot}/usr/share/probe/data
${install}

%check
${check}

${more}
%files
/usr/share/probe
${files}
`
}
