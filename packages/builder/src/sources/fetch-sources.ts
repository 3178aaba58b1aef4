import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RpmTask } from '@copr/contract/builder-protocol'
import { withoutSlashes } from '@copr/contract/without-slashes'
import { run } from '@copr/process/run'
import { BuildFailure } from '../build-failure.ts'
import type { BuildLog } from '../build-log.ts'
import { download, thrice } from './download.ts'
import { checkSourceName, parseSourceList, type SourceEntry } from './source-list.ts'

const GIT_TIMEOUT_MS = 10 * 60_000
const IDLE_SECONDS = 60
const MAX_SOURCE_BYTES = 16 * 1024 ** 3
const MAX_LIST_BYTES = 1024 * 1024
/** The file that lists the files in the lookaside cache. Every other file in a commit may be a source of the spec. */
const SOURCE_LIST = 'sources'
/** Takes precedence over the commit's own .gitattributes, which is a source itself and must not change other sources. */
const GIT_ATTRIBUTES = '* -text !eol !ident !filter !working-tree-encoding\n'

/** Puts the files of the task's commit, and those in the lookaside cache, into `target`. Returns the name of the spec file among them. */
export async function fetchSources(
  task: RpmTask,
  { dir, target, log, signal }: { dir: string; target: string; log: BuildLog; signal: AbortSignal },
): Promise<string> {
  const checkout = join(dir, 'git')
  await mkdir(target, { recursive: true })
  log.line(`Commit ${task.git_commit} of ${task.git_url}`)
  await thrice(
    () => fetchCommit(task, checkout, signal),
    signal,
    (why) => log.line(`${why}; retrying`),
  )
  const entries = await readSourceList(checkout)
  await takeFiles(checkout, target)
  await rm(checkout, { recursive: true, force: true })
  // The spec is found before the files of the lookaside cache are added, because dist-git keeps spec files that are only sources in that
  // cache.
  const spec = onlySpec(await readdir(target))
  await Promise.all(entries.map((entry) => fetchSource(task, entry, target, { log, signal })))
  return spec
}

function onlySpec(names: string[]): string {
  const specs = names.filter((name) => name.endsWith('.spec') && !name.startsWith('.'))
  const [spec] = specs
  if (spec === undefined)
    throw new BuildFailure('the sources contain no spec file', {
      category: 'prep',
      hint: 'Add a spec file to the source package.',
    })
  if (specs.length > 1)
    throw new BuildFailure(
      `the sources contain more than one spec file: ${specs.toSorted().join(', ')}`,
      { category: 'prep', hint: 'Leave only one spec file in the source package.' },
    )
  return spec
}

async function fetchCommit(task: RpmTask, checkout: string, signal: AbortSignal): Promise<void> {
  await rm(checkout, { recursive: true, force: true })
  await git(['init', '--quiet', checkout], { cwd: '/', signal })
  const slow = ['-c', 'http.lowSpeedLimit=1', '-c', 'http.lowSpeedTime=60']
  await git(
    [...slow, 'fetch', '--quiet', '--depth=1', '--no-tags', task.git_url, task.git_commit],
    { cwd: checkout, signal },
  )
  await mkdir(join(checkout, '.git', 'info'), { recursive: true })
  await writeFile(join(checkout, '.git', 'info', 'attributes'), GIT_ATTRIBUTES)
  // Symbolic links in the commit become text files that contain the target, so that none can point outside this directory.
  await git(['-c', 'core.symlinks=false', 'checkout', '--quiet', '--detach', task.git_commit], {
    cwd: checkout,
    signal,
  })
}

async function git(
  args: string[],
  { cwd, signal }: { cwd: string; signal: AbortSignal },
): Promise<void> {
  const env = {
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'http:https:file',
    HOME: '/nonexistent',
  }
  const outcome = await run('git', args, { cwd, env, signal, timeout_ms: GIT_TIMEOUT_MS })
  if (outcome.ok) return
  signal.throwIfAborted()
  throw new Error(
    `Cannot fetch the sources: ${outcome.output.trim().split('\n').slice(-3).join(' ') || outcome.reason}`,
  )
}

async function readSourceList(checkout: string): Promise<SourceEntry[]> {
  const file = join(checkout, SOURCE_LIST)
  const stats = await lstat(file).catch(() => undefined)
  if (!stats) return []
  if (!stats.isFile() || stats.size > MAX_LIST_BYTES)
    throw new BuildFailure(
      `Cannot read the sources file: it is not a regular file of at most ${MAX_LIST_BYTES} bytes`,
      { category: 'prep' },
    )
  return parseSourceList(await readFile(file, 'utf8'))
}

async function takeFiles(checkout: string, target: string): Promise<void> {
  for (const entry of await readdir(checkout, { withFileTypes: true })) {
    if (!entry.isFile() || entry.name === SOURCE_LIST) continue
    checkSourceName(entry.name)
    await rename(join(checkout, entry.name), join(target, entry.name))
  }
}

async function fetchSource(
  task: RpmTask,
  { algorithm, hex, fileName }: SourceEntry,
  target: string,
  { log, signal }: { log: BuildLog; signal: AbortSignal },
): Promise<void> {
  const name = encodeURIComponent(fileName)
  const url = `${withoutSlashes(task.lookaside_url)}/${name}/${algorithm}/${hex}/${name}`
  const options = {
    max_bytes: MAX_SOURCE_BYTES,
    open: (from: string, limit: AbortSignal) => fetch(from, { signal: limit }),
    expect: { algorithm, hex },
    idle_seconds: IDLE_SECONDS,
    signal,
  }
  await thrice(
    () => download(url, join(target, fileName), options),
    signal,
    (why) => log.line(`${url}: ${why}; retrying`),
  )
  log.line(`Source ${fileName} (${algorithm} ${hex})`)
}
