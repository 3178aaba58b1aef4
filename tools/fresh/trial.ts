import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '@copr/process/errors'
import type { Progress, Step } from '../../packages/cli/src/up/progress.ts'
import { cloneCheckout } from './checkout.ts'
import { type EnteredRoot, enterRoot } from './entered-root.ts'
import type { FreshRoot } from './fresh-root.ts'
import { cachedRoot, FRESH_CACHE } from './root-cache.ts'
import { proxySettings, registrySetting } from './user-settings.ts'
import { HOME } from './work-dir.ts'

/** The folder of the clone in a root, as the README describes it. */
export const CLONE = `${HOME}/copr`
const SHOWN_LINES = 30
const KEPT_MS = 7 * 24 * 3600 * 1000

/** The root of a trial, and functions that run the trial's steps and report on them. */
export interface Trial {
  root: FreshRoot
  entered: EnteredRoot
  signal: AbortSignal
  /** Runs a step, prints it, and counts whether it passed or failed. */
  step: <T>(
    title: string,
    work: (step: Step) => Promise<T>,
    note?: (result: T) => string,
  ) => Promise<T>
  say: (line: string) => void
  /** Returns a function that appends to a log file. If a step fails, the end of the most recent log is printed. */
  log: (name: string) => (chunk: Buffer | string) => void
}

export interface TrialOptions {
  workingTree: boolean
  progress: Progress
  signal: AbortSignal
}

export interface Verdict {
  passed: number
  failed: number
}

/**
 * Finds or builds the root, clones this checkout into a copy of the root, and runs all functions in `works` there, even if one of them
 * fails.
 */
export async function tryInRoot(
  root: FreshRoot,
  { workingTree, progress, signal }: TrialOptions,
  works: ((trial: Trial) => Promise<void>)[],
): Promise<Verdict> {
  const verdict: Verdict = { passed: 0, failed: 0 }
  const logs = openLogs(root.name)
  const step: Trial['step'] = async (title, stepWork, note) => {
    const result = await progress.step(title, stepWork, note)
    verdict.passed += 1
    return result
  }
  const showFailure = (error: unknown): void => {
    signal.throwIfAborted()
    verdict.failed += 1
    progress.say(`\n  ${root.name} failed: ${messageOf(error)}`)
    for (const line of logs.end()) progress.say(`  | ${line}`)
  }
  progress.say(`\n${root.name}, logs in ${logs.dir}`)
  try {
    const cached = await step(
      'root with the prerequisites',
      async () =>
        await cachedRoot(root, { now: new Date(), onOutput: logs.append('root.log'), signal }),
      ({ made }) => (made ? 'made' : 'from the cache'),
    )
    let commit = ''
    await using entered = await step(
      'clone of this checkout',
      async () =>
        await enterRoot({
          name: root.name,
          cached,
          fillHome: async (home) => {
            commit = await cloneCheckout(join(home, CLONE.slice(HOME.length)), workingTree)
          },
          downloads: { folders: root.downloads(CLONE), suffix: root.downloadSuffix },
          env: { ...proxySettings(process.env), ...(await registrySetting(process.env)) },
        }),
      () => commit,
    )
    const trial = {
      root,
      entered,
      signal,
      step,
      say: (line: string) => progress.say(line),
      log: logs.append,
    }
    for (const work of works) await work(trial).catch(showFailure)
    const ofUp = entered.onHost(`${CLONE}/.copr/logs`)
    if (verdict.failed > 0 && existsSync(ofUp))
      cpSync(ofUp, join(logs.dir, 'copr'), { recursive: true })
  } catch (error) {
    showFailure(error)
  }
  return verdict
}

interface Logs {
  dir: string
  append: Trial['log']
  /** Returns the last lines of the most recent log. */
  end(): string[]
}

/** Creates the folder for the logs of one run. Such a folder is kept for a week. */
function openLogs(name: string): Logs {
  const parent = join(FRESH_CACHE, 'logs')
  const dir = join(parent, `${name}.${process.pid}`)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  for (const entry of readdirSync(parent))
    if (Date.now() - statSync(join(parent, entry)).mtimeMs > KEPT_MS)
      rmSync(join(parent, entry), { recursive: true, force: true })
  let latest = ''
  return {
    dir,
    append(name) {
      latest = join(dir, name)
      const file = latest
      return (chunk) => appendFileSync(file, chunk)
    },
    end: () =>
      existsSync(latest)
        ? readFileSync(latest, 'utf8').trimEnd().split('\n').slice(-SHOWN_LINES)
        : [],
  }
}
