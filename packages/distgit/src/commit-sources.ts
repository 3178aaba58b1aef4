import { readFile } from 'node:fs/promises'
import { CoprError } from '@copr/process/errors'
import { formatBytes } from '@copr/process/format-bytes'
import {
  exists,
  hasObject,
  type TreeEntry,
  makeObject,
  makeTree,
  writeObject,
} from './git-objects.ts'
import { type PackageLocation, isPackageLocation, lookasidePath, repositoryPath } from './layout.ts'
import { type Source, sourcesFile, storeSource } from './lookaside.ts'
import { MAX_GIT_BYTES, checkSourceName, isForGit } from './placement.ts'
import { commitToBranches, ensureRepository } from './repository.ts'

/**
 * The limit exists because a spec file is read as a whole, and git compresses it in memory. The largest spec files in distributions have
 * about 20 MiB.
 */
const MAX_SPEC_BYTES = 64 * 1024 ** 2

/** An extracted file of an SRPM. */
export interface SourceFile extends Source {
  size: number
  mode: number
}

/**
 * A file that is stored, or about to be. In the lookaside cache, it is identified by its name and MD5 digest; in git, by its object ID,
 * with an empty name.
 */
export interface StoredSource {
  name: string
  digest: string
  bytes: number
}

/** Checks and counts what is stored for a package. */
export interface SourceStorage {
  /** Called before anything is stored; throws CoprError if the files would exceed a quota. */
  require: (sources: StoredSource[]) => Promise<void>
  /** Called with all files that are stored now, even if the import has failed. Idempotent. */
  note: (sources: StoredSource[]) => Promise<void>
}

export interface CommitSourcesOptions extends PackageLocation {
  root: string
  branches: string[]
  files: SourceFile[]
  /** The name of the spec among the files; it is stored in git whatever its content. */
  spec: string
  now: Date
  signal?: AbortSignal
  say?: (line: string) => void
  storage?: SourceStorage | undefined
}

/**
 * Stores the files of an SRPM (text in the repository, the rest in the lookaside cache), and returns the commit of each branch. The files
 * are moved or read, but never changed. Throws CoprError if dist-git cannot accept them.
 */
export async function commitSources(
  options: CommitSourcesOptions,
): Promise<Record<string, string>> {
  const { files, spec, storage } = options
  const [first] = options.branches
  if (!isPackageLocation(options) || first === undefined || !options.branches.every(isBranchName))
    throw new Error(`Cannot import ${options.package_name}: a name in the task is not valid`)
  for (const { name } of files) checkSourceName(name)
  checkSpecSize(files, spec)

  const placement = await placeFiles(files, spec)
  const sources = sourcesOf(placement)
  await storage?.require(sources)
  try {
    const commits = await storeSources(options, placement, first)
    await storage?.note(sources)
    return commits
  } catch (error) {
    // The import was canceled or failed midway. The files that were already stored are kept, so they must be counted.
    if (storage) await storage.note(await onlyStored(options, placement))
    throw error
  }
}

async function storeSources(
  options: CommitSourcesOptions,
  { committed, stored }: Placement,
  firstBranch: string,
): Promise<Record<string, string>> {
  const { root, branches, now, signal, say = () => undefined } = options
  for (const file of stored) {
    signal?.throwIfAborted()
    await storeSource(file, lookasidePath(root, options, file.name, file.md5))
    say(`${file.name}: ${file.size} bytes in the lookaside, MD5 ${file.md5}`)
  }
  say(`${committed.map(({ name }) => name).join(', ')}: in git`)
  const sources = makeObject('blob', sourcesFile(stored))
  const tree = makeTree([...committed, { name: 'sources', executable: false, id: sources.id }])
  signal?.throwIfAborted()
  const gitDir = await ensureRepository(
    root,
    options,
    branches.includes('master') ? 'master' : firstBranch,
  )
  const commits = await commitToBranches(gitDir, {
    branches,
    tree: tree.id,
    message: `automatic import of ${options.package_name}`,
    now,
    async storeTree() {
      for (const { path } of committed)
        await writeObject(gitDir, makeObject('blob', await readFile(path)))
      for (const object of [sources, tree]) await writeObject(gitDir, object)
    },
  })
  for (const [branch, commit] of Object.entries(commits)) say(`${branch}: commit ${commit}`)
  return commits
}

interface Placement {
  committed: (TreeEntry & { path: string; size: number })[]
  stored: SourceFile[]
}

/** Decides which files are stored in git. Only one file at a time is in memory; large files are not read, except the spec file. */
async function placeFiles(files: SourceFile[], spec: string): Promise<Placement> {
  const placement: Placement = { committed: [], stored: [] }
  for (const file of files) {
    const { name, path, mode } = file
    const content = file.size <= MAX_GIT_BYTES || name === spec ? await readFile(path) : undefined
    if (content !== undefined && (name === spec || isForGit(name, content))) {
      const { id } = makeObject('blob', content)
      const executable = (mode & 0o111) !== 0
      placement.committed.push({ name, path, size: content.length, executable, id })
    } else placement.stored.push(file)
  }
  return placement
}

function checkSpecSize(files: SourceFile[], spec: string): void {
  const size = files.find(({ name }) => name === spec)?.size ?? 0
  if (size > MAX_SPEC_BYTES)
    throw new CoprError(
      'invalid',
      `Cannot import ${spec}: the spec file has ${formatBytes(size)}, the limit is ${formatBytes(MAX_SPEC_BYTES)}`,
    )
}

function sourcesOf({ committed, stored }: Placement): StoredSource[] {
  return [
    ...stored.map(({ name, md5, size }) => ({ name, digest: md5, bytes: size })),
    ...committed.map(({ id, size }) => ({ name: '', digest: id, bytes: size })),
  ]
}

/** Returns the files that are already stored, in the lookaside or in git. */
async function onlyStored(
  options: CommitSourcesOptions,
  { committed, stored }: Placement,
): Promise<StoredSource[]> {
  const { root } = options
  const gitDir = repositoryPath(root, options)
  const found: Placement = { committed: [], stored: [] }
  for (const file of stored)
    if (await exists(lookasidePath(root, options, file.name, file.md5))) found.stored.push(file)
  for (const file of committed) if (await hasObject(gitDir, file.id)) found.committed.push(file)
  return sourcesOf(found)
}

/** Whether a name is accepted for a branch. Branches are named after distributions, so not all of the names that git allows are needed. */
function isBranchName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(name) && !/\.\.|\.$|\.lock$/.test(name)
}
