import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname as parentOf, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, runOrThrow } from '@copr/process/run'
import { GIT_ENVIRONMENT } from './git-environment.ts'
import { type GitObject, makeCommit, writeObject } from './git-objects.ts'
import {
  type PackageLocation,
  gitRoot,
  hasCode,
  makeDirDurably,
  makeTempDir,
  repositoryPath,
  syncDir,
} from './layout.ts'

/** Builders fetch a commit by its hash, with depth 1. Nobody may push. Imports never start a garbage collection. */
const CONFIG = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
[uploadpack]
	allowAnySHA1InWant = true
[http]
	receivepack = false
[receive]
	autogc = false
[gc]
	auto = 0
`

const NO_COMMIT = '0'.repeat(40)

export interface BranchTip {
  branch: string
  commit: string
  tree: string
  parents: string[]
  /** Whether HEAD points to the branch, so that clones check it out. */
  isHead: boolean
}

/** Creates the bare repository atomically unless it exists; returns its path. */
export async function ensureRepository(
  root: string,
  place: PackageLocation,
  headBranch: string,
): Promise<string> {
  const path = repositoryPath(root, place)
  if (await isDir(path)) return path
  await using temp = await makeTempDir(root)
  const fresh = join(temp.path, 'fresh.git')
  await mkdir(join(fresh, 'refs', 'heads'), { recursive: true })
  await mkdir(join(fresh, 'objects'))
  await writeSynced(join(fresh, 'config'), CONFIG)
  await writeSynced(join(fresh, 'HEAD'), `ref: refs/heads/${headBranch}\n`)
  for (const dir of ['refs', '.']) await syncDir(join(fresh, dir))
  await makeDirDurably(parentOf(path))
  try {
    await rename(fresh, path)
  } catch (err) {
    if (!hasCode(err, 'ENOTEMPTY', 'EEXIST')) throw err // another process was faster
  }
  await syncDir(parentOf(path))
  return path
}

/**
 * Returns the path of a repository, relative to the git root; URLs may name it with or without `.git`. Returns undefined if it does not
 * exist.
 */
export async function findRepository(
  root: string,
  place: PackageLocation,
): Promise<string | undefined> {
  const names = [place.package_name, place.package_name.replace(/\.git$/, '')]
  for (const package_name of new Set(names)) {
    const path = repositoryPath(root, { ...place, package_name })
    if (await isDir(path)) return relative(gitRoot(root), path)
  }
  return undefined
}

export async function readTips(gitDir: string): Promise<BranchTip[]> {
  const format = '%(HEAD)|%(objectname)|%(tree)|%(parent)|%(refname:lstrip=2)'
  const output = await runOrThrow(
    'git',
    ['--git-dir', gitDir, 'for-each-ref', `--format=${format}`, 'refs/heads'],
    { env: GIT_ENVIRONMENT },
  )
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [head, commit, tree, parents, branch] = line.split('|')
      if (!commit || !tree || parents === undefined || !branch)
        throw new Error(`Cannot read the branches of ${gitDir}: git printed ${line}`)
      return { branch, commit, tree, parents: parents.split(' '), isHead: head === '*' }
    })
}

interface CommitPlan {
  commits: Record<string, string>
  fresh: GitObject[]
}

/**
 * Chooses the commit for each branch, so that the tree of each is `tree`. A branch that already has this tree is not moved. A branch whose
 * tip is a parent of the tip of such a branch is fast-forwarded to the latter; any other existing branch gets a new commit. A new branch
 * starts at another branch of this import, or else at the repository's main branch, so that its history shows where the package came from.
 */
function planCommits(
  tips: BranchTip[],
  branches: string[],
  tree: string,
  commitOn: (parent: string | undefined) => GitObject,
): CommitPlan {
  const commits: Record<string, string> = {}
  const fresh = new Map<string, GitObject>()
  const make = (parent: string | undefined): string => {
    const commit = commitOn(parent)
    fresh.set(commit.id, commit)
    return commit.id
  }
  const old = tips.filter((tip) => branches.includes(tip.branch))
  const same = old.filter((tip) => tip.tree === tree)
  for (const tip of same) commits[tip.branch] = tip.commit
  for (const tip of old.filter((other) => other.tree !== tree)) {
    const ahead = same.find((other) => other.parents.includes(tip.commit))
    commits[tip.branch] = ahead?.commit ?? make(tip.commit)
  }
  const main = tips.find((tip) => tip.isHead)
  const start = (): string => (main?.tree === tree ? main.commit : make(main?.commit))
  for (const branch of branches) commits[branch] ??= Object.values(commits)[0] ?? start()
  return { commits, fresh: [...fresh.values()] }
}

export interface CommitRequest {
  branches: string[]
  tree: string
  message: string
  now: Date
  /** Stores the tree and its files; called only when a commit is to be made. */
  storeTree: () => Promise<void>
}

/** Maximum number of attempts to commit while other processes keep moving the branches. */
const TRIES = 10

/** Commits the tree to all branches and returns the commit of each; branches that already have the tree are not changed. */
export async function commitToBranches(
  gitDir: string,
  request: CommitRequest,
): Promise<Record<string, string>> {
  using _lock = await lockRepository(gitDir)
  const { branches, tree, message, now } = request
  for (let attempt = 1; ; attempt++) {
    const tips = await readTips(gitDir)
    const plan = planCommits(tips, branches, tree, (parent) =>
      makeCommit({ tree, parent, message, now }),
    )
    if (plan.fresh.length > 0) await request.storeTree()
    for (const commit of plan.fresh) await writeObject(gitDir, commit)
    const problem = await moveBranches(gitDir, tips, plan.commits)
    if (problem === undefined) return plan.commits
    if (attempt === TRIES) throw new Error(`Cannot move branches of ${gitDir}: ${problem}`)
    await removeStaleLocks(gitDir)
    await sleep(100 * attempt)
  }
}

/** Moves all branches; moves none, and returns git's error message, if one of them is no longer at its commit in `tips`. */
async function moveBranches(
  gitDir: string,
  tips: BranchTip[],
  commits: Record<string, string>,
): Promise<string | undefined> {
  const moves = Object.entries(commits).flatMap(([branch, to]) => {
    const from = tips.find((tip) => tip.branch === branch)?.commit ?? NO_COMMIT
    return from === to ? [] : [`update refs/heads/${branch} ${to} ${from}\n`]
  })
  if (moves.length === 0) return undefined
  const outcome = await run('git', ['--git-dir', gitDir, 'update-ref', '--stdin'], {
    env: GIT_ENVIRONMENT,
    input: `start\n${moves.join('')}prepare\ncommit\n`,
  })
  return outcome.ok ? undefined : outcome.output.trim()
}

/** git holds a lock for milliseconds; a lock this old belongs to a process that was killed. */
const STALE_LOCK_MS = 4_000

async function removeStaleLocks(gitDir: string): Promise<void> {
  for (const dir of [gitDir, join(gitDir, 'refs', 'heads')]) {
    for (const name of await readdir(dir)) {
      if (!name.endsWith('.lock')) continue
      const path = join(dir, name)
      const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now())
      if (age > STALE_LOCK_MS) await rm(path, { force: true })
    }
  }
}

const locks = new Map<string, Promise<void>>()

/**
 * Serializes this process's imports into a repository. Changes by other processes are detected by the expected old values that are passed
 * to git.
 */
async function lockRepository(gitDir: string): Promise<Disposable> {
  const before = locks.get(gitDir)
  const { promise, resolve } = Promise.withResolvers<void>()
  locks.set(gitDir, promise)
  await before
  return {
    [Symbol.dispose]() {
      if (locks.get(gitDir) === promise) locks.delete(gitDir)
      resolve()
    },
  }
}

async function isDir(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

async function writeSynced(path: string, content: string): Promise<void> {
  await using handle = await open(path, 'wx')
  await handle.writeFile(content)
  await handle.sync()
}
