import { readFile } from 'node:fs/promises'
import { type TreeEntry, makeObject, makeTree, writeObject } from './git-objects.ts'
import { type PackageLocation, isPackageLocation, lookasidePath } from './layout.ts'
import { type Source, sourcesFile, storeSource } from './lookaside.ts'
import { MAX_GIT_BYTES, checkSourceName, isForGit } from './placement.ts'
import { commitToBranches, ensureRepository } from './repository.ts'

/** An extracted file of an SRPM. */
export interface SourceFile extends Source {
  size: number
  mode: number
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
}

/**
 * Stores an SRPM's files, text in the repository and the rest in the lookaside, and returns the commit of each branch.
 * The files are moved or read, never changed. Throws CoprError when dist-git cannot accept them.
 */
export async function commitSources(
  options: CommitSourcesOptions,
): Promise<Record<string, string>> {
  const { root, branches, now, signal, files, spec, say = () => undefined } = options
  const [first] = branches
  if (!isPackageLocation(options) || first === undefined || !branches.every(isBranchName))
    throw new Error(`Cannot import ${options.package_name}: a name in the task is not valid`)
  for (const { name } of files) checkSourceName(name)

  const { committed, stored } = await placeFiles(files, spec)
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
    branches.includes('master') ? 'master' : first,
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
  committed: (TreeEntry & { path: string })[]
  stored: SourceFile[]
}

/** Decides which files git keeps. Only one file at a time is in memory, and no large one except the spec. */
async function placeFiles(files: SourceFile[], spec: string): Promise<Placement> {
  const placement: Placement = { committed: [], stored: [] }
  for (const file of files) {
    const { name, path, mode } = file
    const content = file.size <= MAX_GIT_BYTES || name === spec ? await readFile(path) : undefined
    if (content !== undefined && (name === spec || isForGit(name, content))) {
      const { id } = makeObject('blob', content)
      placement.committed.push({ name, path, executable: (mode & 0o111) !== 0, id })
    } else placement.stored.push(file)
  }
  return placement
}

/** Accepts only some of the names that git allows: branches are named after distributions. */
function isBranchName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(name) && !/\.\.|\.$|\.lock$/.test(name)
}
