import type { FinishRequest, RpmTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { type Build, type EngineOptions, runEngine } from './engine.ts'
import { addConfigArchive } from './mock/config-archive.ts'
import { reviewPackages } from './reviews/review-packages.ts'

/** Runs an RPM task: `makePackages` makes the packages and returns their paths; everything else is the same for all package engines. */
export async function buildPackages(
  task: RpmTask,
  context: TaskContext,
  options: EngineOptions,
  makePackages: (build: Build) => Promise<string[]>,
): Promise<FinishRequest> {
  return await runEngine(task, context, options, async (build) => {
    writeHeader(build)
    await addConfigArchive(build)
    const paths = await makePackages(build)
    const { reviews, files } = await reviewPackages(build, paths)
    build.reviews.push(...reviews)
    return [...paths, ...files]
  })
}

/** Writes the first lines of the log, which say what is being built. */
function writeHeader({ task, log }: Build): void {
  const version = task.package_version === null ? '' : ` ${task.package_version}`
  log.line(`Building ${task.package_name}${version} for ${task.chroot.name}`)
  log.line(`Task ${task.task_id} of ${task.owner}/${task.dirname}`)
  if (task.with_opts.length + task.without_opts.length > 0)
    log.line(
      `Build conditions: ${[...task.with_opts.map((name) => `with ${name}`), ...task.without_opts.map((name) => `without ${name}`)].join(', ')}`,
    )
  if (task.modules.length > 0)
    log.line(
      `Modules: ${task.modules.map(({ action, module }) => `${action} ${module}`).join(', ')}`,
    )
  log.line(
    `Network: ${task.enable_net ? 'enabled by the project' : 'none'}; timeout: ${task.timeout_seconds} seconds`,
  )
}
