import { chmod, chown, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FinishRequest, RpmTask } from '@copr/contract/builder-protocol'
import type { FailureCategory } from '@copr/contract/failure'
import type { TaskContext } from '@copr/agent/handler'
import { run } from '@copr/process/run'
import { BuildFailure } from '../build-failure.ts'
import { buildPackages } from '../build-packages.ts'
import type { Build, EngineOptions } from '../engine.ts'
import { unmetIn } from '../repositories/dnf-faults.ts'
import { readTaskRepositories } from '../repositories/task-repositories.ts'
import { collectResults, describeMachine } from '../results.ts'
import { buildError } from '../rpmbuild/build-error.ts'
import { takeFiles } from '../sandbox/take-files.ts'
import { fetchSources } from '../sources/fetch-sources.ts'
import { renderMockConfig } from './mock-config.ts'

/**
 * The user as which mock and its builds run. It is in the group `mock`, whose members are the only users that may become root through mock.
 */
const MOCK_USER = 'copr-mock'
/**
 * Maps the exit codes with which mock reports a failed build to the reason and, unless the log determines it, the category of the failure.
 * Every other code means a machine fault.
 */
const BUILD_FAULTS: Record<number, [words: string, category?: FailureCategory]> = {
  10: ['the build failed'],
  11: ['the build took longer than its timeout', 'timeout'],
  30: ['BuildRequires cannot be installed', 'dependency'],
  31: ['its external dependencies cannot be installed', 'dependency'],
  40: ['the source package cannot be used', 'prep'],
}

/** Engine options; tests set `mock` to replace the command and its user. */
export interface MockOptions extends EngineOptions {
  mock?: { command: string[]; user: { uid: number; gid: number } }
}

/** Returns whether mock and its user exist on this machine. */
export async function hasMock(): Promise<boolean> {
  const found = await run('/bin/sh', [
    '-c',
    'command -v mock >/dev/null && getent passwd "$1"',
    'sh',
    MOCK_USER,
  ])
  return found.ok
}

/** Runs an RPM task with mock; throws if the machine or the installation is at fault. */
export async function buildByMock(
  task: RpmTask,
  context: TaskContext,
  options: MockOptions,
): Promise<FinishRequest> {
  return await buildPackages(task, context, options, (build) => makePackages(build, options))
}

async function makePackages(build: Build, options: MockOptions): Promise<string[]> {
  const { task, dir, log, found } = build
  await describeMachine(dir, log)
  const mock = options.mock ?? (await mockOfMachine())
  const sources = join(dir, 'sources')
  const spec = await log.phase('sources', 'fetching the sources', async () => {
    const name = await fetchSources(task, { dir, target: sources, log, signal: build.signal })
    await copyFile(join(sources, name), join(dir, name))
    found.add(join(dir, name))
    return name
  })
  const config = join(dir, 'mock.cfg')
  const { chrootRepositories, taskRepositories } = await readTaskRepositories(build)
  const repositories = [...chrootRepositories, ...taskRepositories]
  const hasDnf5 = (await run('/bin/sh', ['-c', 'command -v dnf5'])).ok
  const package_manager = hasDnf5 ? 'dnf5' : 'dnf'
  const base_dir = join(dir, 'roots')
  // Separate from the native engine's cache, which only root may access.
  const cache_dir = join(dirname(options.builds_dir), 'mock-cache')
  await writeFile(
    config,
    renderMockConfig(task, { repositories, base_dir, cache_dir, package_manager }),
  )
  for (const path of [base_dir, cache_dir, join(dir, 'srpm'), join(dir, 'rpms')]) {
    await mkdir(path, { recursive: true })
    await chown(path, mock.user.uid, mock.user.gid)
  }
  // mock reads its configuration without root privileges, so it must be able to traverse these directories, but not to list them.
  for (const path of [dir, dirname(dir), options.builds_dir, dirname(options.builds_dir)])
    await chmod(path, 0o711)
  const call = (part: 'root' | 'build', ...args: string[]): Promise<void> =>
    runMock(build, mock, part, ['--root', config, ...withOptions(task), ...args])
  await log.phase('srpm', 'making the SRPM', () =>
    call(
      'root',
      '--buildsrpm',
      '--spec',
      join(sources, spec),
      '--sources',
      sources,
      '--resultdir',
      join(dir, 'srpm'),
    ),
  )
  const srpm = (await readdir(join(dir, 'srpm'))).find((name) => name.endsWith('.src.rpm'))
  if (srpm === undefined)
    throw new BuildFailure('mock produced no SRPM', { category: 'verification' })
  await log.phase('rpmbuild', 'building', () =>
    call('build', '--rebuild', join(dir, 'srpm', srpm), '--resultdir', join(dir, 'rpms')),
  )
  const results = await collectResults(task, dir, await takeResults(build))
  return [...results.rpms, results.summary]
}

async function mockOfMachine(): Promise<NonNullable<MockOptions['mock']>> {
  const passwd = await run('getent', ['passwd', MOCK_USER])
  const [, , uid, gid] = passwd.output.split(':').map(Number)
  if (!passwd.ok || uid === undefined || gid === undefined)
    throw new Error(`Cannot run mock: the user ${MOCK_USER} does not exist`)
  const become = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--']
  return { command: [...become, 'mock'], user: { uid, gid } }
}

function withOptions({ with_opts, without_opts }: RpmTask): string[] {
  return [
    ...with_opts.flatMap((name) => ['--with', name]),
    ...without_opts.flatMap((name) => ['--without', name]),
  ]
}

async function runMock(
  { log, signal }: Build,
  { command }: NonNullable<MockOptions['mock']>,
  part: 'root' | 'build',
  args: string[],
): Promise<void> {
  const [program = '', ...before] = command
  log.command(['mock', ...args], part)
  const ended = await run(program, [...before, ...args], {
    signal,
    env: { HOME: '/var/lib/copr-builder/mock-user' },
    onOutput: (chunk) => log.output(chunk, part),
  })
  signal.throwIfAborted()
  if (ended.ok) return
  const code = ended.exit_code ?? -1
  const fault = BUILD_FAULTS[code]
  if (fault !== undefined) {
    const [words, category] = fault
    const unmet = category === 'dependency' ? unmetOfMock(ended.output) : []
    throw new BuildFailure(`${words}${buildError(ended.output)}`, {
      ...(category && { category }),
      unmet,
    })
  }
  throw new Error(`mock exited with code ${code}: ${ended.output.trim().slice(-500)}`)
}

/** Returns the requirements that mock, or the package manager that it runs, could not find. */
function unmetOfMock(output: string): string[] {
  const own = output.matchAll(/No matching package to install: '([^'\n]+)'/g)
  return [...new Set([...Array.from(own, ([, name = '']) => name), ...unmetIn(output)])]
}

/** Returns the packages and the SRPM that mock left in its result directory, which builds in mock's chroot cannot reach. */
async function takeResults({ dir, log }: Build): Promise<string[]> {
  const rpms = await takeFiles({ root: dir, folder: 'rpms' }, '.rpm', join(dir, 'packages'))
  log.line('mock has built the packages')
  return rpms
}
