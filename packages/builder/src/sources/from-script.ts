import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, MadeSource, SourceTask } from '@copr/contract/builder-protocol'
import { ScriptSettings } from '@copr/contract/made-sources'
import type { TaskContext } from '@copr/agent/handler'
import { BuildFailure } from '../build-failure.ts'
import type { EngineOptions } from '../engine.ts'
import type { SandboxExit } from '../sandbox/sandbox.ts'
import { CURL } from './build-source.ts'
import { FIXED, makeSrpm, WORKDIR } from './make-srpm.ts'
import { takeResultFolder } from './result-folder.ts'

export type MadeTask = SourceTask & { source: MadeSource }

/**
 * Runs a user's script in the chroot that it names, as the unprivileged user and with a network; then makes an SRPM of the spec and the
 * sources that it leaves in its result directory.
 */
export async function makeFromScript(
  task: MadeTask,
  context: TaskContext,
  options: EngineOptions,
): Promise<FinishRequest> {
  const { script, builddeps, resultdir, hook_data } = ScriptSettings.parse(task.source.settings)
  return await makeSrpm(task, context, options, {
    title: 'a script',
    packages: [CURL, ...builddeps.split(/\s+/).filter((word) => word !== '')],
    async prepare(_, { workdir, fixed }) {
      await writeFile(join(fixed, 'script'), script, { mode: 0o755 })
      if (hook_data) await context.fetchSrpm(join(workdir, 'hook_payload'))
    },
    async make(work) {
      const folder = resultFolder(resultdir)
      const exit = await work.run([`${FIXED}/script`], {
        network: 'public',
        shown: '$ script',
        cwd: WORKDIR,
        env: {
          COPR_OWNER: task.owner,
          COPR_PROJECT: task.dirname,
          COPR_PACKAGE: task.package_name ?? '',
          COPR_RESULTDIR: folder,
        },
      })
      if (exit.code !== 0) throw scriptFailure('the script', exit)
      const shown = resultdir === '' ? 'the work directory' : `the result directory ${resultdir}`
      await takeResultFolder(work, { folder, top: WORKDIR, shown })
    },
  })
}

/** Returns the path of the result directory, which the user may name relative to the work directory or with it. */
function resultFolder(resultdir: string): string {
  const path = resultdir.startsWith('/') ? resultdir : `${WORKDIR}/${resultdir}`
  const plain = path.replaceAll(/\/(\.?\/)*/g, '/').replace(/\/\.?$/, '')
  if (plain !== WORKDIR && !plain.startsWith(`${WORKDIR}/`))
    throw new BuildFailure(
      `the result directory ${resultdir} is outside of ${WORKDIR}: only what is in there is kept`,
    )
  return plain
}

/** Returns the failure of a program of the source, with the end of what it said. */
function scriptFailure(program: string, { code, exhausted, output }: SandboxExit): BuildFailure {
  if (exhausted !== undefined)
    return new BuildFailure(`${program} exited with code ${code} because ${exhausted}`, {
      exhausted,
    })
  const last = output.trimEnd().split('\n').at(-1)?.trim().slice(0, 300) ?? ''
  return new BuildFailure(`${program} exited with code ${code}${last === '' ? '' : `: ${last}`}`)
}
