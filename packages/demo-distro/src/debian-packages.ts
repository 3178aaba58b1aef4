import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CoprError } from '@copr/process/errors'
import { run, runOrThrow } from '@copr/process/run'

export interface DebianPackage {
  name: string
  version: string
  /** Whether the package is the same on every architecture. */
  noarch: boolean
  /** Dependencies in Debian's notation, including Pre-Depends. */
  depends: string
  provides: string
  summary: string
  /** Path of the .deb archive that contains the files; undefined if the package is installed on this machine. */
  archive?: string
}

const FIELDS = [
  'Package',
  'Architecture',
  'Version',
  'Pre-Depends',
  'Depends',
  'Provides',
  'binary:Summary',
]
const FORMAT = `${FIELDS.map((field) => `\${${field}}`).join('\t')}\n`

/** dpkg's status of packages whose files are in place: they are installed, or have pending triggers. */
const INSTALLED = /^i[itW]/

/** Returns the packages installed on this machine, in its native architecture. */
export async function readInstalled(signal?: AbortSignal): Promise<Map<string, DebianPackage>> {
  const own = (await toolOutput('dpkg', ['--print-architecture'], signal)).trim()
  const text = await toolOutput(
    'dpkg-query',
    ['-W', '-f', `\${db:Status-Abbrev}\t${FORMAT}`],
    signal,
  )
  const packages = text
    .split('\n')
    .filter((line) => INSTALLED.test(line))
    .map((line) => line.slice(line.indexOf('\t') + 1))
    .filter((line) => [own, 'all'].includes(line.split('\t')[1] ?? ''))
    .map((line) => parsePackage(line))
  return new Map(packages.map((one) => [one.name, one]))
}

export interface DownloadOptions {
  cacheDir: string
  /** Ignores the packages of this machine: downloads all packages, and prefers those of the distribution to those of other vendors. */
  fromScratch?: boolean
  signal?: AbortSignal
}

/** A package to download. */
export interface WantedPackage {
  /** Its names in different releases. */
  names: string[]
  /** The place in a package list that names the package, for messages, such as `line 1 of own.list`. */
  line: string
}

/** Thrown if apt does not know a package, even after its lists were updated. */
export class UnknownPackageError extends CoprError {}

/**
 * Downloads packages that this machine lacks, with their dependencies, and reads their metadata. If a package has several names, the first
 * one that apt knows is used. Nothing is installed, and the machine's own package lists are not changed: if they are stale, new ones are
 * downloaded into `cacheDir`.
 */
export async function downloadPackages(
  wanted: WantedPackage[],
  { cacheDir, fromScratch = false, signal }: DownloadOptions,
): Promise<DebianPackage[]> {
  const archives = join(cacheDir, 'debs')
  await mkdir(join(archives, 'partial'), { recursive: true })
  const place = [
    '-o',
    `Dir::Cache::archives=${archives}`,
    '-o',
    'APT::Sandbox::User=root',
    '-o',
    'Debug::NoLocking=1',
    ...(fromScratch ? await scratchState(cacheDir) : []),
  ]
  const options = signal === undefined ? {} : { signal }
  const names = await knownNames(wanted, place, signal)
  if (!names.includes(undefined)) {
    const args = [...place, ...download(names)]
    const first = await run('apt-get', args, options)
    if (first.ok) return await readArchives(archives, await wantedArchives(args, signal), signal)
  }
  const lists = join(cacheDir, 'apt-lists')
  await mkdir(join(lists, 'partial'), { recursive: true })
  const caches = ['pkgcache', 'srcpkgcache'].flatMap((name) => [
    '-o',
    `Dir::Cache::${name}=${join(cacheDir, name)}`,
  ])
  const fresh = [...place, ...caches, '-o', `Dir::State::Lists=${lists}`]
  await runOrThrow('apt-get', [...fresh, 'update'], options)
  const freshNames = await knownNames(wanted, fresh, signal)
  const unknown = wanted.filter((_, index) => freshNames[index] === undefined)
  if (unknown.length > 0)
    throw new UnknownPackageError(
      'unavailable',
      `Cannot find ${unknown.map(({ names, line }) => `the Debian package ${names.join(' or ')} (${line})`).join(', ')}: apt knows no package of this name. Correct the line, or add the name that this release has: NAME|OTHER`,
    )
  const args = [...fresh, ...download(freshNames)]
  await runOrThrow('apt-get', args, options)
  return await readArchives(archives, await wantedArchives(args, signal), signal)
}

/** Returns apt options that hide the installed packages, and that prefer the distribution's packages to those of other vendors. */
async function scratchState(cacheDir: string): Promise<string[]> {
  const status = join(cacheDir, 'no-packages')
  const preferences = join(cacheDir, 'preferences')
  const preferred = ['Debian', 'Ubuntu'].map(
    (origin) => `Package: *\nPin: release o=${origin}\nPin-Priority: 990\n`,
  )
  await writeFile(status, '')
  await writeFile(preferences, preferred.join('\n'))
  const settings = {
    'Dir::State::status': status,
    'Dir::State::extended_states': join(cacheDir, 'extended-states'),
    'Dir::Etc::Preferences': preferences,
    'Dir::Etc::PreferencesParts': '/dev/null',
    // otherwise apt would overwrite these caches, which must describe the packages that are really installed
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

function download(names: (string | undefined)[]): string[] {
  const known = names.filter((name) => name !== undefined)
  return ['install', '--yes', '--download-only', '--no-install-recommends', ...known]
}

/** Returns for each package the first of its names that apt knows, or undefined. */
async function knownNames(
  wanted: WantedPackage[],
  place: string[],
  signal?: AbortSignal,
): Promise<(string | undefined)[]> {
  const chunks: Buffer[] = []
  // apt-cache fails if one of the names is unknown, but still prints the packages that it knows.
  await run(
    'apt-cache',
    [...place, 'show', '--no-all-versions', ...wanted.flatMap(({ names }) => names)],
    {
      onOutput: (chunk) => chunks.push(chunk),
      ...(signal && { signal }),
    },
  )
  const shown = Buffer.concat(chunks).toString('utf8')
  const known = new Set([...shown.matchAll(/^Package: (\S+)$/gm)].map(([, name]) => name))
  return wanted.map(({ names }) => names.find((name) => known.has(name)))
}

/** Returns the file names of the archives that apt would install now; the cache also contains older versions. */
async function wantedArchives(args: string[], signal?: AbortSignal): Promise<Set<string>> {
  const simulated = args.map((arg) => (arg === '--download-only' ? '--simulate' : arg))
  const text = await toolOutput('apt-get', simulated, signal)
  const wanted = text.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) .*\[(\w+)\]\)/gm)
  return new Set(
    wanted.map(
      ([, name, version, arch]) => `${name}_${version?.replaceAll(':', '%3a')}_${arch}.deb`,
    ),
  )
}

async function readArchives(dir: string, wanted: Set<string>, signal?: AbortSignal) {
  const packages: DebianPackage[] = []
  for (const file of await readdir(dir)) {
    if (!wanted.has(file)) continue
    const archive = join(dir, file)
    const line = await toolOutput('dpkg-deb', ['-W', `--showformat=${FORMAT}`, archive], signal)
    packages.push({ ...parsePackage(line.trimEnd()), archive })
  }
  return packages
}

function parsePackage(line: string): DebianPackage {
  const [
    name = '',
    arch,
    version = '',
    preDepends = '',
    depends = '',
    provides = '',
    summary = '',
  ] = line.split('\t')
  const all = [preDepends, depends].filter((text) => text.trim() !== '').join(', ')
  return { name, version, noarch: arch === 'all', depends: all, provides, summary: summary || name }
}

/** Returns the whole standard output of a program; `run()` keeps only the last 1 MiB. */
export async function toolOutput(
  command: string,
  args: string[],
  signal?: AbortSignal,
): Promise<string> {
  const chunks: Buffer[] = []
  await runOrThrow(command, args, {
    onOutput: (chunk) => chunks.push(chunk),
    ...(signal === undefined ? {} : { signal }),
  })
  return Buffer.concat(chunks).toString('utf8')
}
