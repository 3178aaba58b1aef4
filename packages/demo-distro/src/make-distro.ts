import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { closureOf } from './closure.ts'
import { composePackages, type Composition } from './compose.ts'
import {
  downloadPackages,
  readInstalled,
  UnknownPackageError,
  type DebianPackage,
} from './debian-packages.ts'
import { fillTree, makeTree } from './file-tree.ts'
import {
  IGNORED_DEPENDENCIES,
  IGNORED_DEPENDENCIES_OF,
  isPattern,
  parsePackageList,
  readPackageList,
  resolveNames,
  type ListedPackage,
} from './list.ts'
import { type DistroMachine, generatorDigest, requireDebian } from './generator.ts'
import { holdLock } from './lock.ts'
import { makeFilesystemPackage, makeMacrosPackage, ownRelease } from './own-packages.ts'
import {
  downloadPrograms,
  makeProgramPackage,
  PYTHON_PROGRAMS,
  type PythonProgram,
} from './python-programs.ts'
import { releaseOf } from './release.ts'
import { renderFileList, renderSpec, type RpmPackage } from './spec.ts'

interface DistroProgress {
  step: 'packages' | 'download' | 'files' | 'describe' | 'rpms' | 'repodata'
  done: number
  total: number
}

export interface DistroOptions {
  /** The folder of the repository and of intermediate files. */
  dir: string
  /** The folder of downloaded archives; default: `dir`. */
  cacheDir?: string
  /** Adds the packages that are too large for a first start; a repository that has them keeps them. */
  more?: boolean
  /** Builds the repository for a machine that runs the mini distribution, from downloaded packages only. */
  machine?: DistroMachine
  onProgress?: (progress: DistroProgress) => void
  signal?: AbortSignal
}

export interface Distro {
  /** Path of the repository: a symbolic link, which is replaced when the repository is rebuilt. */
  repoDir: string
  /** Number of RPMs. */
  packages: number
  /** False if the repository existed already. */
  made: boolean
  /** Listed packages that this machine lacks and that could not be downloaded. */
  leftOut: string[]
}

interface Manifest {
  /** Digest of the generator's source files, which include its package list. */
  generator: string
  /** The version of each package that was installed on this machine. */
  installed: Record<string, string>
  packages: number
  leftOut: string[]
  /** Whether the repository contains the packages of more-packages.list. */
  more: boolean
}

const IGNORED = { everywhere: IGNORED_DEPENDENCIES, of: IGNORED_DEPENDENCIES_OF }

/**
 * Builds an RPM repository from the Debian packages of this machine, or returns the existing one if neither the generator nor the packages
 * have changed. Needs dpkg, apt, rpmbuild, createrepo_c and flock.
 */
export async function makeDistro(options: DistroOptions): Promise<Distro> {
  const { dir, cacheDir = dir, machine, signal } = options
  const host = requireDebian()
  await mkdir(dir, { recursive: true })
  await using _lock = await holdLock(join(dir, 'lock'), signal)
  const installed = machine ? new Map<string, DebianPackage>() : await readInstalled(signal)
  const generator = await generatorDigest(machine)
  const repoDir = join(dir, 'repo')
  const known = await readManifest(repoDir)
  const more = options.more === true || known?.more === true
  const list = [
    ...(await readPackageList()),
    ...(more ? await readPackageList('more-packages.list') : []),
    ...parsePackageList(machine?.packageList ?? '', 'the list of the machine'),
  ]
  const isCurrent =
    known?.generator === generator && known.more === more && hasVersions(installed, known.installed)
  if (isCurrent && known.leftOut.length === 0)
    return { repoDir, packages: known.packages, made: false, leftOut: [] }

  const { packages, ...gathered } = await gatherPackages(list, installed, cacheDir, options)
  const programs = await downloadPrograms(PYTHON_PROGRAMS, {
    cacheDir,
    packages,
    ...(signal && { signal }),
  })
  const absent = PYTHON_PROGRAMS.filter((program) => !programs.includes(program))
  const leftOut = [...gathered.leftOut, ...absent.map(({ name }) => name)]
  const release = releaseOf(host, packages)
  if (isCurrent && leftOut.length === known.leftOut.length)
    return { repoDir, packages: known.packages, made: false, leftOut }
  const work = join(dir, 'work')
  await rm(work, { recursive: true, force: true })
  const named = resolveNames(list, packages)
  const rpms = await makeRpms(
    { list: named, packages, programs, generator, release, work, cacheDir },
    options,
  )
  const fromHere = [...packages.values()].filter((one) => one.archive === undefined)
  const manifest: Manifest = {
    generator,
    installed: Object.fromEntries(fromHere.map((one) => [one.name, one.version])),
    packages: rpms,
    leftOut,
    more,
  }
  await makeRepository(join(work, 'RPMS'), manifest, options)
  await publish(dir, join(work, 'RPMS'))
  await rm(work, { recursive: true, force: true })
  return { repoDir, packages: rpms, made: true, leftOut }
}

/** Returns the listed packages with all dependencies; downloads those that this machine lacks. */
async function gatherPackages(
  list: ListedPackage[],
  installed: Map<string, DebianPackage>,
  cacheDir: string,
  { machine, onProgress, signal }: DistroOptions,
) {
  onProgress?.({ step: 'packages', done: 0, total: list.length })
  const listed = resolveNames(list, installed).filter((one) => !isPattern(one))
  const wanted = listed.map((one) => one.debianName)
  const { missing } = closureOf(wanted, installed, IGNORED)
  const available = new Map(installed)
  const absent = listed.filter((one) => missing.has(one.debianName))
  let leftOut: string[] = []
  if (missing.size > 0) {
    onProgress?.({ step: 'download', done: 0, total: absent.length })
    try {
      const options = { cacheDir, fromScratch: machine !== undefined, ...(signal && { signal }) }
      for (const one of await downloadPackages(absent, options)) available.set(one.name, one)
    } catch (error) {
      if (error instanceof UnknownPackageError) throw error
      const needed = absent.filter((one) => one.inBuildRoot).map((one) => one.debianName)
      signal?.throwIfAborted()
      if (needed.length > 0)
        throw new Error(
          `Cannot download ${needed.join(', ')}: install them or connect this machine`,
          { cause: error },
        )
      leftOut = absent.map((one) => one.debianName)
      onProgress?.({ step: 'download', done: 0, total: 0 })
    }
  }
  const there = resolveNames(listed, available)
    .map((one) => one.debianName)
    .filter((name) => !leftOut.includes(name))
  const closure = closureOf(there, available, IGNORED)
  if (closure.missing.size > 0)
    throw new Error(`Packages needed but not found: ${[...closure.missing].join(', ')}`)
  return { packages: closure.packages, leftOut }
}

async function makeRpms(
  what: Pick<Composition, 'list' | 'packages' | 'release'> & {
    programs: PythonProgram[]
    generator: string
    work: string
    cacheDir: string
  },
  { machine, onProgress, signal }: DistroOptions,
): Promise<number> {
  const { list, packages, programs, generator, release, work, cacheDir } = what
  const tree = join(work, 'tree')
  const lists = join(work, 'lists')
  await mkdir(lists, { recursive: true })
  await makeTree(tree)
  onProgress?.({ step: 'files', done: 0, total: packages.size })
  const fileLists = await fillTree([...packages.values()], tree, signal)
  const onPackage = (done: number) => onProgress?.({ step: 'describe', done, total: packages.size })
  const own = [
    await makeFilesystemPackage(tree, generator, release, machine?.osRelease),
    await makeMacrosPackage(tree, generator, release),
  ]
  for (const program of programs)
    own.push(await makeProgramPackage(program, { tree, cacheDir, release: ownRelease(generator) }))
  const rpms = [
    ...own,
    ...(await composePackages({
      list,
      packages,
      fileLists,
      tree,
      release,
      owned: own.flatMap(({ files }) => files.map(({ path }) => path)),
      ignored: IGNORED,
      onPackage,
      ...(signal && { signal }),
    })),
  ]
  // The builder runs ldconfig in buildroots; on a machine, the package must run it.
  const glibc = machine && rpms.find(({ name }) => name === 'glibc-common')
  if (glibc) glibc.trigger = LDCONFIG_TRIGGER
  for (const one of rpms) await writeFile(join(lists, one.name), renderFileList(one.files))
  await runRpmbuild(rpms, work, { ...(onProgress && { onProgress }), ...(signal && { signal }) })
  return rpms.length
}

/** Runs ldconfig after libraries were installed. The trigger is written in Lua, because there may be no shell yet. */
const LDCONFIG_TRIGGER = `%transfiletriggerin -n glibc-common -P 2000000 -p <lua> -- /usr/lib /usr/lib64
rpm.execute("/sbin/ldconfig")`

const RPMBUILD_MACROS: Record<string, string> = {
  // weak compression, for fast installation: buildroots are filled far more often than the repository is downloaded
  _binary_payload: 'w1.zstdio',
  _rpmfilename: '%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm',
  // the files are packaged unchanged
  __os_install_post: '%{nil}',
  __check_files: '%{nil}',
  // Go's sources contain executables, for its tests
  _binaries_in_noarch_packages_terminate_build: '0',
  _build_id_links: 'none',
  _missing_doc_files_terminate_build: '0',
  // some packages have dependencies, but no files
  _empty_manifest_terminate_build: '0',
  _buildhost: 'copr-mini',
  vendor: 'Copr mini distribution',
}

async function runRpmbuild(
  rpms: RpmPackage[],
  work: string,
  { onProgress, signal }: Pick<DistroOptions, 'onProgress' | 'signal'>,
) {
  const spec = join(work, 'copr-mini.spec')
  await writeFile(spec, renderSpec(rpms, join(work, 'lists')))
  const macros = {
    ...RPMBUILD_MACROS,
    _topdir: work,
    _rpmdir: join(work, 'RPMS'),
    _tmppath: join(work, 'tmp'),
  }
  await mkdir(macros._tmppath, { recursive: true })
  const defines = Object.entries(macros).flatMap(([name, value]) => [
    '--define',
    `${name} ${value}`,
  ])
  // rpmbuild calls libmagic for every file, and the result is not needed: with few rules, this takes a third of the time
  const magic = join(work, 'magic')
  await writeFile(magic, '0 string \\177ELF ELF 64-bit\n')
  let written = 0
  await runOrThrow(
    'rpmbuild',
    ['-bb', '--nodeps', '--buildroot', join(work, 'tree'), ...defines, spec],
    {
      env: { HOME: work, MAGIC: magic, RPM_BUILD_NCPUS: String(availableParallelism()) },
      onOutput: (chunk) => {
        written += chunk.toString().split('Wrote: ').length - 1
        onProgress?.({ step: 'rpms', done: Math.min(written, rpms.length), total: rpms.length })
      },
      ...(signal && { signal }),
    },
  )
}

async function makeRepository(
  dir: string,
  manifest: Manifest,
  { onProgress, signal }: DistroOptions,
) {
  onProgress?.({ step: 'repodata', done: 0, total: 1 })
  await runOrThrow('createrepo_c', ['--no-database', '--workers', '2', dir], signal && { signal })
  await writeFile(join(dir, 'manifest.json'), `${JSON.stringify(manifest, undefined, 1)}\n`)
  onProgress?.({ step: 'repodata', done: 1, total: 1 })
}

/** Moves the finished repository into place and switches the link to it atomically. */
async function publish(dir: string, made: string) {
  const name = `repo-${createHash('sha256')
    .update(`${made}${await readFile(join(made, 'repodata/repomd.xml'), 'utf8')}`)
    .digest('hex')
    .slice(0, 12)}`
  await rm(join(dir, name), { recursive: true, force: true })
  await rename(made, join(dir, name))
  await rm(join(dir, 'repo.new'), { force: true })
  await symlink(name, join(dir, 'repo.new'))
  await rename(join(dir, 'repo.new'), join(dir, 'repo'))
  const old = (await readdir(dir)).filter(
    (entry) => /^repo-[0-9a-f]+$/.test(entry) && entry !== name,
  )
  for (const entry of old) await rm(join(dir, entry), { recursive: true, force: true })
}

async function readManifest(repoDir: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(repoDir, 'manifest.json'), 'utf8')) as Manifest
  } catch {
    return undefined
  }
}

function hasVersions(
  installed: Map<string, DebianPackage>,
  wanted: Record<string, string>,
): boolean {
  return Object.entries(wanted).every(([name, version]) => installed.get(name)?.version === version)
}
