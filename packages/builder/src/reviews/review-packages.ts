import { constants } from 'node:fs'
import { chown, copyFile, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { FEDORA_REVIEW_PREFIX, type Review, type ReviewTool } from '@copr/contract/builder-protocol'
import { messageOf } from '@copr/process/errors'
import { BuildFailure } from '../build-failure.ts'
import type { Build } from '../engine.ts'
import { renderPortableMockConfig } from '../mock/mock-config.ts'
import { removeTree } from '../remove-tree.ts'
import { readTaskRepositories } from '../repositories/task-repositories.ts'
import { giveAway, makeBuildFolders } from '../roots/build-folders.ts'
import { baseRoot, type BuildRoot, withPackages } from '../roots/build-root.ts'
import { rootOptions } from '../roots/root-options.ts'
import { runInRoot } from '../roots/run-in-root.ts'
import { BUILD_UID } from '../sandbox/sandbox.ts'
import { takeFiles } from '../sandbox/take-files.ts'
import { countFindings } from './count-findings.ts'

/** Time limit for preparing the buildroot and running one tool; rpmlint takes a few seconds for most packages. */
const MAX_SECONDS = 600
/** Maximum size of one report; the rest is cut off. */
const MAX_REPORT_BYTES = 1024 * 1024
/** If the total size of the packages exceeds this, they are not reviewed. */
const MAX_INPUT_BYTES = 2 * 1024 ** 3

/** The files of fedora-review that Copr keeps. */
const KEPT = [
  'review.txt',
  'review.json',
  'licensecheck.txt',
  'rpmlint.txt',
  'files.dir',
  'diff.txt',
]

interface ReviewRun extends Build {
  /** Paths of the packages, the SRPM and the spec. */
  inputs: string[]
  /** A directory for this tool only, with the folders that its sandboxes share. */
  place: string
}

/**
 * Checks the packages of a build with the tools that its project has chosen. Each tool runs in a buildroot made from the chroot's
 * repositories, offline and as an unprivileged user. Returns the findings and the paths of the reports. A tool that is missing, fails or
 * takes too long leaves a line in the log and no report; only a cancellation ends the build.
 */
export async function reviewPackages(
  build: Build,
  paths: string[],
): Promise<{ reviews: Review[]; files: string[] }> {
  const { task, log, context, dir } = build
  const reviews: Review[] = []
  const files: string[] = []
  const spec = [...build.found].filter((path) => path.endsWith('.spec'))
  const inputs = [...paths.filter((path) => path.endsWith('.rpm')), ...spec]
  for (const tool of task.reviews) {
    const place = join(dir, `review-${tool}`)
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(MAX_SECONDS * 1000)])
    try {
      const made = await log.phase('review', `checking the packages with ${tool}`, () =>
        RUN[tool]({ ...build, signal, inputs, place }),
      )
      const [report = ''] = made
      const review = countFindings(tool, await readFile(report, 'utf8'))
      log.line(`${tool}: ${review.errors} errors, ${review.warnings} warnings`)
      reviews.push(review)
      files.push(...made)
    } catch (error) {
      context.signal.throwIfAborted()
      const reason = signal.aborted ? `it took longer than ${MAX_SECONDS} s` : messageOf(error)
      log.line(`No report of ${tool}, which does not affect the build: ${reason.slice(0, 1000)}`)
    } finally {
      // If files cannot be removed here, the cleanup at the end of the build handles and reports them.
      await removeTree(place).catch(() => undefined)
    }
  }
  return { reviews, files }
}

/** Functions that run a tool and return the paths of its files, the report first. */
const RUN: Record<ReviewTool, (run: ReviewRun) => Promise<string[]>> = {
  async rpmlint(run) {
    const root = await prepare(run, 'rpmlint')
    const names = run.inputs.map((path) => `./${basename(path)}`)
    const { output, code } = await runTool(run, root, ['rpmlint', ...names])
    // The output decides, not the exit code, because rpmlint exits with 64 if it finds errors.
    if (!/\bchecked; /.test(output))
      throw new Error(`it exited with code ${code}: ${output.trim().slice(-300)}`)
    const report = join(run.dir, 'rpmlint.txt')
    await writeFile(report, output)
    return [report]
  },

  async 'fedora-review'(run) {
    const { task, place, dir } = run
    const root = await prepare(run, 'fedora-review')
    const config = join(place, 'builddir', 'child.cfg')
    await writeFile(config, renderPortableMockConfig(task))
    await chown(config, BUILD_UID, BUILD_UID)
    const name = ['--name', task.package_name, '--mock-config', 'child.cfg']
    const command = ['fedora-review', '--no-colors', '--prebuilt', '--rpm-spec', ...name]
    const { output, code } = await runTool(run, root, command)
    const taken = join(dir, 'reviews')
    const folders = [task.package_name, `review-${task.package_name}`]
    const left: string[] = []
    for (const folder of folders.map((name) => `builddir/${name}`)) {
      try {
        left.push(...(await takeFiles({ root: place, folder }, '', taken)))
      } catch (error) {
        // The name of the folder differs between versions of fedora-review.
        if (!(error instanceof BuildFailure)) throw error
      }
    }
    const files = KEPT.map((each) => join(taken, each)).filter((path) => left.includes(path))
    if (!files[0]?.endsWith('/review.txt'))
      throw new Error(`it left no review.txt: exit code ${code}: ${output.trim().slice(-300)}`)
    const log = join(taken, 'fedora-review.log')
    await writeFile(log, output)
    return await Promise.all(
      [...files, log].map(async (path) => {
        if ((await stat(path)).size > MAX_REPORT_BYTES) await truncate(path, MAX_REPORT_BYTES)
        const target = join(dir, `${FEDORA_REVIEW_PREFIX}${basename(path)}`)
        await copyFile(path, target)
        return target
      }),
    )
  },
}

/** Makes a buildroot that contains the tool, and copies the files to be checked into the home directory. */
async function prepare(run: ReviewRun, tool: ReviewTool): Promise<BuildRoot> {
  const { inputs, place } = run
  let bytes = 0
  for (const path of inputs) bytes += (await stat(path)).size
  if (bytes > MAX_INPUT_BYTES)
    throw new Error(`the packages have ${bytes} bytes, more than ${MAX_INPUT_BYTES}`)
  // Leaves out the project's repositories: all projects share this buildroot, and none of them may replace a tool.
  const { chrootRepositories } = await readTaskRepositories({
    ...run,
    task: { ...run.task, repos: [] },
    guard: undefined,
  })
  const contents = { chrootRepositories, taskRepositories: [] }
  const options = rootOptions(run)
  const base = await baseRoot(options, { ...contents, modules: [] })
  const root = await withPackages(options, base, { ...contents, packages: [tool], requires: [] })
  await mkdir(place)
  await makeBuildFolders(place)
  const home = join(place, 'builddir')
  for (const path of inputs)
    await copyFile(path, join(home, basename(path)), constants.COPYFILE_FICLONE)
  await giveAway(home)
  return root
}

/** Runs a tool in the home directory; returns the beginning of its output. */
async function runTool(
  { task, limits, place, signal }: ReviewRun,
  root: BuildRoot,
  command: string[],
): Promise<{ code: number; output: string }> {
  const chunks: Buffer[] = []
  let bytes = 0
  const { code } = await runInRoot(command, {
    chroot: task.chroot.name,
    dir: place,
    root,
    limits,
    // Without this variable, fedora-review would refuse to run without access to mock, which it does not need for packages that are already
    // built.
    env: { XDG_CACHE_HOME: '/tmp', REVIEW_NO_MOCKGROUP_CHECK: 'true' },
    network: 'none',
    onOutput: (chunk) => {
      if (bytes >= MAX_REPORT_BYTES) return
      const kept = chunk.subarray(0, MAX_REPORT_BYTES - bytes)
      bytes += kept.length
      chunks.push(kept)
    },
    signal,
  })
  return { code, output: Buffer.concat(chunks).toString('utf8') }
}
