import { copyFile, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, RpmTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { formatDependency, type Requirement } from '@copr/rpm/package-info'
import { buildPackages } from './build-packages.ts'
import type { Build, EngineOptions } from './engine.ts'
import { BuildFailure } from './build-failure.ts'
import { readTaskRepositories, type TaskRepositories } from './repositories/task-repositories.ts'
import { collectResults, describeMachine } from './results.ts'
import { baseRoot, type BuildRoot, withPackages } from './roots/build-root.ts'
import { rootOptions } from './roots/root-options.ts'
import { buildError } from './rpmbuild/build-error.ts'
import { renderMacros } from './rpmbuild/macros.ts'
import {
  generateBuildRequires,
  makeNosrc,
  newRequirements,
  readBuildRequires,
  requirementsOf,
  rpmbuild,
  rpmbuildFailure,
  type RpmbuildOptions,
  SRPM_SUFFIX,
  takePackages,
} from './rpmbuild/rpmbuild.ts'
import { declaredProvides } from './rpmbuild/declared-provides.ts'
import { giveAway, makeBuildFolders } from './roots/build-folders.ts'
import { fetchSources } from './sources/fetch-sources.ts'

const MAX_GENERATE_ROUNDS = 10
const MAX_SRPM_ROUNDS = 5

/** Runs an RPM task in its own buildroot; throws if the machine or the installation is at fault. */
export async function buildNatively(
  task: RpmTask,
  context: TaskContext,
  options: EngineOptions,
): Promise<FinishRequest> {
  return await buildPackages(task, context, options, makePackages)
}

/** Runs all steps up to the finished packages; returns the paths of the results. */
async function makePackages(build: Build): Promise<string[]> {
  const { task, dir, limits, rules, log, signal } = build
  await describeMachine(dir, log)
  for (const line of settingsOfMock(task)) log.line(line)
  const spec = await log.phase('sources', 'fetching the sources', () => prepareSources(build))
  const { base, repositories } = await log.phase('root', 'preparing the root', () =>
    prepareRoot(build),
  )
  const absent = new Set<string>()
  const common: Omit<RpmbuildOptions, 'root'> = {
    task,
    dir,
    limits,
    spec,
    rules,
    log,
    signal,
    absent,
  }
  await writeMacros(build, base)
  // Additional packages are installed first, as in mock, because the spec may need their macros.
  const first = await installAdditional(build, base, repositories)
  try {
    return await buildIn(build, { ...common, root: first }, repositories)
  } catch (error) {
    if (task.in_chain && error instanceof BuildFailure && !signal.aborted)
      build.declares = await declaredProvides({ ...common, root: first })
    throw error
  }
}

/** Installs the BuildRequires in the chroot of `options.root` and builds the packages; returns the paths of the results. */
async function buildIn(
  build: Build,
  options: RpmbuildOptions,
  repositories: TaskRepositories,
): Promise<string[]> {
  const { task, dir, log } = build
  const { absent } = options
  const required = await installRequired(build, options, repositories)
  const { root, requires } = required.is_dynamic
    ? await installGenerated(build, { ...options, ...required }, repositories)
    : required
  log.only(root.installed, 'installed_pkgs')
  await log.phase('rpmbuild', 'building', async () => {
    // If NoSource files are missing, rpmbuild -ba would fail at the end.
    const exit = await rpmbuild(absent.size > 0 ? 'bb' : 'ba', { ...options, root })
    if (exit.code !== 0)
      throw rpmbuildFailure('rpmbuild exited with code', exit, await errorOf(build))
    if (absent.size > 0) await makeNosrc({ ...options, root })
  })
  const results = await collectResults(task, dir, await takeResults(dir, requires))
  return [...results.rpms, results.summary]
}

/** Returns log lines that say which of mock's settings have no effect in this engine. */
function settingsOfMock({ bootstrap, bootstrap_image, isolation }: RpmTask): string[] {
  const lines: string[] = []
  if (bootstrap === 'on' || bootstrap === 'image' || bootstrap === 'custom_image')
    lines.push(
      `bootstrap=${bootstrap}${bootstrap_image ? ` (${bootstrap_image})` : ''} has no effect: this builder does not use mock; its own dnf installs the packages of the root`,
    )
  if (isolation === 'nspawn' || isolation === 'simple')
    lines.push(
      `isolation=${isolation} has no effect: this builder does not use mock; every build runs in its sandbox`,
    )
  return lines
}

/** A buildroot, and the requirements that are installed in it. */
interface RequiredRoot {
  root: BuildRoot
  requires: Requirement[]
}

/**
 * Returns the packages and the SRPM. Throws if the SRPM, which lists the requirements as the build itself has expanded them, requires
 * anything that is not in `installed`.
 */
async function takeResults(dir: string, installed: Requirement[]): Promise<string[]> {
  const rpms = await takePackages(dir, 'RPMS', '.rpm')
  const srpms = await takePackages(dir, 'SRPMS', SRPM_SUFFIX)
  const [srpm] = srpms
  if (srpm === undefined || srpms.length !== 1)
    throw new BuildFailure(`the build left ${srpms.length} SRPMs instead of one`, {
      category: 'verification',
    })
  const others = newRequirements(await requirementsOf(srpm), installed)
  if (others.length > 0)
    throw new BuildFailure(
      `the spec requires something else each time it is read: ${others.map(formatDependency).join(', ')} was not known before the build`,
      { category: 'verification' },
    )
  return [...rpms, srpm]
}

async function prepareSources(build: Build): Promise<string> {
  const { task, dir, log, signal, found } = build
  const topdir = await makeBuildFolders(dir)
  const sources = join(topdir, 'SOURCES')
  const spec = await fetchSources(task, { dir, target: sources, log, signal })
  // The build could change its own copy of the spec, so a copy of the spec as committed is published.
  const kept = join(dir, spec)
  await copyFile(join(sources, spec), kept)
  found.add(kept)
  await rename(join(sources, spec), join(topdir, 'SPECS', spec))
  await giveAway(join(dir, 'builddir'))
  return spec
}

async function prepareRoot(
  build: Build,
): Promise<{ base: BuildRoot; repositories: TaskRepositories }> {
  const repositories = await readTaskRepositories(build)
  const base = await baseRoot(rootOptions(build), { ...repositories, modules: build.task.modules })
  return { base, repositories }
}

async function writeMacros({ task, dir }: Build, { dbPath }: BuildRoot): Promise<void> {
  await writeFile(join(dir, 'builddir', '.rpmmacros'), renderMacros(task, dbPath))
}

async function installAdditional(
  build: Build,
  base: BuildRoot,
  repositories: TaskRepositories,
): Promise<BuildRoot> {
  const packages = [...new Set(build.task.buildroot_packages)]
  if (packages.length === 0) return base
  return await build.log.phase('builddeps', 'installing additional packages', () =>
    withPackages(rootOptions(build), base, { packages, requires: [], ...repositories }),
  )
}

/**
 * Installs the spec's static BuildRequires; returns the resulting buildroot, and whether the spec generates more BuildRequires
 * (`is_dynamic`). The macros of an installed package may add BuildRequires, so the SRPM is made again after each installation until it
 * requires nothing new.
 */
async function installRequired(
  build: Build,
  options: RpmbuildOptions,
  repositories: TaskRepositories,
): Promise<RequiredRoot & { is_dynamic: boolean }> {
  const { log } = build
  let { root } = options
  let requires: Requirement[] = []
  for (let round = 1; round <= MAX_SRPM_ROUNDS; round++) {
    const current = root
    const { is_dynamic, requires: found } = await log.phase(
      'srpm',
      'reading the BuildRequires',
      () => readBuildRequires({ ...options, root: current }),
    )
    const missing = newRequirements(found, requires)
    if (missing.length === 0) return { root, requires, is_dynamic }
    requires = [...requires, ...missing]
    const wanted = { packages: [], requires, ...repositories }
    root = await log.phase('builddeps', 'installing BuildRequires', () =>
      withPackages(rootOptions(build), current, wanted),
    )
    if (root.installed === current.installed) return { root, requires, is_dynamic }
  }
  throw new BuildFailure(
    `the spec still adds BuildRequires after they were installed ${MAX_SRPM_ROUNDS} times`,
    { category: 'dependency' },
  )
}

async function installGenerated(
  build: Build,
  options: RpmbuildOptions & RequiredRoot,
  repositories: TaskRepositories,
): Promise<RequiredRoot> {
  const { log } = build
  let { root, requires } = options
  for (let round = 1; round <= MAX_GENERATE_ROUNDS; round++) {
    const current = root
    const generated = await log.phase('generate', 'generating BuildRequires', () =>
      generateBuildRequires({ ...options, root: current }),
    )
    const missing = newRequirements(generated, requires)
    if (missing.length === 0) return { root, requires }
    // Earlier requirements are passed again, because a later package must not replace a package that they name.
    requires = [...requires, ...missing]
    const wanted = { packages: [], requires, ...repositories }
    root = await log.phase('builddeps', 'installing generated BuildRequires', () =>
      withPackages(rootOptions(build), current, wanted),
    )
  }
  throw new BuildFailure(
    `%generate_buildrequires still requires more packages after ${MAX_GENERATE_ROUNDS} rounds`,
    { category: 'dependency' },
  )
}

async function errorOf({ log_dir }: Build): Promise<string> {
  return buildError(await readFile(join(log_dir, 'build.log'), 'utf8').catch(() => ''))
}
