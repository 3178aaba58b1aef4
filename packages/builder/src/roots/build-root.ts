import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModuleToggle } from '@copr/contract/builder-protocol'
import type { ChrootConfig } from '@copr/contract/chroot-config'
import { formatDependency, type Requirement } from '@copr/rpm/package-info'
import { isRich, richOperands } from '@copr/rpm/rich-dependency'
import { BuildFailure } from '../build-failure.ts'
import type { BuildLog } from '../build-log.ts'
import { digestOfOffers } from '../repositories/repository-content.ts'
import { installPackages, toggleModules } from '../repositories/install.ts'
import { namesRequired, shortened } from '../repositories/requirements.ts'
import type { Repository } from '../repositories/repository.ts'
import type { SandboxLimits } from '../sandbox/limits.ts'
import { BUILD_UID, runSandboxed } from '../sandbox/sandbox.ts'
import { cached, type CacheUse } from './cache.ts'
import { listInstalled, listNames } from './root-query.ts'

/** A buildroot that a build starts from: directories to stack as an overlay, the lowest first. */
export interface BuildRoot {
  key: string
  layers: string[]
  dbPath: string
  /** The list of installed packages. */
  installed: string
}

export interface RootOptions {
  /** An existing directory for this build alone. */
  dir: string
  /** The limits of each sandbox in which the buildroot is filled. */
  limits: SandboxLimits
  cacheDir: string
  chroot: ChrootConfig
  log: BuildLog
  signal: AbortSignal
  /** Until it is disposed, protects the cached directories in use from pruning. */
  hold: AsyncDisposableStack
}

/** Must be incremented when the same packages would result in a different buildroot. */
const FORMAT = 2
const FIRST_DB_PATH = '/var/lib/rpm'
const KEEP_ROOTS = 8
const KEEP_MODULAR_ROOTS = 4
const KEEP_LAYERS = 60
const KEEP_VARIANTS = 4

const PREPARE = `
grep -q '^mockbuild:' /etc/passwd || echo 'mockbuild:x:${BUILD_UID}:${BUILD_UID}:RPM builds:/builddir:/bin/sh' >>/etc/passwd
grep -q '^mockbuild:' /etc/group || echo 'mockbuild:x:${BUILD_UID}:' >>/etc/group
mkdir -p /builddir
if [ -x /sbin/ldconfig ]; then /sbin/ldconfig 2>/dev/null || true; fi
db=$(rpm --eval '%{_dbpath}')
case $db in
  /usr/lib/sysimage/*) if [ ! -e "$db/rpmdb.sqlite" ]; then mkdir -p "$db" && cp -a ${FIRST_DB_PATH}/. "$db"/; fi ;;
  *) db=${FIRST_DB_PATH} ;;
esac
echo "dbpath=$db"
`

/** Where the packages of a buildroot come from, and the module streams from which dnf chooses them. */
export interface BaseContents {
  chrootRepositories: Repository[]
  taskRepositories?: Repository[]
  modules?: ModuleToggle[]
}

/**
 * Returns the buildroot with the packages that every build in the chroot needs. It is cached for each state of the chroot's repositories.
 * If there are modules, the buildroot is made from all of the build's repositories, as in mock, because any of them may define the modules.
 */
export async function baseRoot(
  options: RootOptions,
  { chrootRepositories, taskRepositories = [], modules = [] }: BaseContents,
): Promise<BuildRoot> {
  const { cacheDir, chroot, log } = options
  const repositories =
    modules.length > 0 ? [...taskRepositories, ...chrootRepositories] : chrootRepositories
  const configs = taskRepositories.map(({ config, url }) => [config, url])
  const key = digest([
    FORMAT,
    chroot,
    repositories.map((one) => one.digest),
    ...(modules.length > 0 ? [modules, configs] : []),
  ])
  const make = async (dir: string): Promise<void> => {
    log.line(`No cached root for the current repositories of ${chroot.name}: creating one`, 'root')
    await makeBaseRoot(options, { repositories, modules }, dir)
  }
  // Buildroots with modules have a folder of their own, so that they do not displace others: hardly any other build can use them.
  const folder =
    modules.length > 0
      ? { dir: join(cacheDir, 'modular-roots'), keep: KEEP_MODULAR_ROOTS }
      : { dir: join(cacheDir, 'roots'), keep: KEEP_ROOTS }
  const dir = await cached(folder, key, { make, ...cacheUse(options) })
  log.line(`Base root ${key.slice(0, 12)}`, 'root')
  const dbPath = await readFile(join(dir, 'dbpath'), 'utf8')
  return {
    key,
    layers: [join(dir, 'root')],
    dbPath,
    installed: await readFile(join(dir, 'installed'), 'utf8'),
  }
}

async function makeBaseRoot(
  options: RootOptions,
  { repositories, modules }: { repositories: Repository[]; modules: ModuleToggle[] },
  target: string,
): Promise<void> {
  const { chroot, limits, signal } = options
  const root = { directory: join(target, 'root') }
  await mkdir(root.directory)
  const install = { ...options, root, repositories, chroot: chroot.name, dbPath: FIRST_DB_PATH }
  if (modules.length > 0) await toggleModules(install, modules)
  await installPackages({ ...install, packages: chroot.install, requires: [] })
  const env = { HOME: '/', LC_ALL: 'C.UTF-8' }
  const prepared = await runSandboxed({
    root,
    as: 'root',
    command: ['/bin/sh', '-ec', PREPARE],
    env,
    limits,
    signal,
  })
  // The path is checked because the packages may be a user's. dnf's macros will contain it, and rpm would run a %(command) in it.
  const dbPath = /^dbpath=(\/(?:var\/lib|usr\/lib\/sysimage)\/[\w-]+)$/m.exec(prepared.output)?.[1]
  if (prepared.code !== 0 || dbPath === undefined) {
    const message = `Cannot prepare the root of ${chroot.name}: ${prepared.exhausted ?? prepared.output.slice(-500)}`
    throw modules.length > 0 ? new BuildFailure(message) : new Error(message)
  }
  await writeFile(join(target, 'dbpath'), dbPath)
  await writeFile(
    join(target, 'installed'),
    await listInstalled({ root, dbPath, has_user_packages: modules.length > 0, limits, signal }),
  )
}

/**
 * Buildroots are made in the build's directory, where its limits apply, because a package that a user has chosen can be larger than the
 * machine's disk.
 */
function cacheUse({ dir, log, signal, hold }: RootOptions): Omit<CacheUse, 'make'> {
  const onUncached = (reason: string): void =>
    log.line(`Not kept for later builds: ${reason}`, 'root')
  return { work_dir: dir, onUncached, signal, hold }
}

/**
 * Returns `base` with more packages installed. A cached layer is reused as long as no change in the task's repositories could
 * affect it.
 */
export async function withPackages(
  options: RootOptions,
  base: BuildRoot,
  wanted: {
    packages: string[]
    requires: Requirement[]
    chrootRepositories: Repository[]
    taskRepositories: Repository[]
  },
): Promise<BuildRoot> {
  const { requires } = wanted
  if (wanted.packages.length + requires.length === 0) return base
  const { cacheDir, limits, log, signal } = options
  const packages = wanted.packages.toSorted()
  const required = requires.map(formatDependency).toSorted()
  const configs = wanted.taskRepositories.map(({ config, url }) => [config, url])
  const family = digest([FORMAT, base.key, packages, required, configs])
  const folder = { dir: join(cacheDir, 'layers', family), keep: KEEP_VARIANTS }
  const known = await findVariant(options, folder.dir, wanted.taskRepositories)
  if (!known) await pruneFamilies(join(cacheDir, 'layers'))
  const key = known ?? digest([family, wanted.taskRepositories.map((one) => one.digest)])
  const make = async (dir: string): Promise<void> => {
    await mkdir(join(dir, 'upper'))
    const root = { layers: base.layers, changes: dir }
    const repositories = [...wanted.taskRepositories, ...wanted.chrootRepositories]
    const install = {
      ...options,
      root,
      repositories,
      chroot: options.chroot.name,
      dbPath: base.dbPath,
    }
    await installPackages({ ...install, packages, requires })
    const query = { root, dbPath: base.dbPath, has_user_packages: true, limits, signal }
    const known = [...packages.flatMap(namesIn), ...namesRequired(requires)]
    const names = [...new Set([...known, ...(await listNames(query))])]
    const offers = await offersOf(options, wanted.taskRepositories, names)
    await writeFile(join(dir, 'needs.json'), JSON.stringify({ names, offers }))
    await writeFile(join(dir, 'installed'), await listInstalled(query))
    await rm(join(dir, 'work'), { recursive: true, force: true })
  }
  const dir = await cached(folder, key, { make, ...cacheUse(options) })
  if (known) {
    const list = [...packages, ...required].map(shortened).join(', ')
    log.line(`Packages are in the cached layer ${key.slice(0, 12)}: ${list}`, 'root')
  }
  const layers = [...base.layers, join(dir, 'upper')]
  return {
    key,
    layers,
    dbPath: base.dbPath,
    installed: await readFile(join(dir, 'installed'), 'utf8'),
  }
}

async function findVariant(
  options: RootOptions,
  dir: string,
  repositories: Repository[],
): Promise<string | undefined> {
  const keys = (await readdir(dir).catch(() => [])).filter((name) => /^[0-9a-f]+$/.test(name))
  for (const key of keys) {
    const needs = await readFile(join(dir, key, 'needs.json'), 'utf8').catch(() => undefined)
    if (needs === undefined) continue
    const { names, offers } = JSON.parse(needs) as { names: string[]; offers: string[] }
    const now = await offersOf(options, repositories, names)
    if (now.join() === offers.join()) return key
  }
  return undefined
}

async function offersOf(
  { cacheDir, signal }: RootOptions,
  repositories: Repository[],
  names: string[],
): Promise<string[]> {
  const wanted = new Set(names)
  return await Promise.all(
    repositories.map((one) => digestOfOffers(one, wanted, { cacheDir, signal })),
  )
}

/**
 * If there are too many layers, removes those that have been unused for longest. Spares layers that have been used within UNUSED_MS,
 * because a build may still use them.
 */
async function pruneFamilies(dir: string): Promise<void> {
  const families = await readdir(dir).catch(() => [])
  if (families.length < KEEP_LAYERS) return
  const ages = await Promise.all(
    families.map(async (name) => ({
      name,
      at: (await stat(join(dir, name)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  )
  const unused = ages
    .filter(({ at }) => Date.now() - at > UNUSED_MS)
    .toSorted((a, b) => a.at - b.at)
  for (const { name } of unused.slice(0, families.length - KEEP_LAYERS + 1))
    await rm(join(dir, name), { recursive: true, force: true })
}

/** Longer than any build can take. */
const UNUSED_MS = 48 * 3600 * 1000

/** Returns the names in an argument of dnf: one for `zlib-devel >= 1.2`, two for `(gcc or clang)`. */
function namesIn(word: string): string[] {
  return isRich({ name: word })
    ? richOperands(word).map(({ name }) => name)
    : [word.split(' ')[0] ?? '']
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 40)
}
