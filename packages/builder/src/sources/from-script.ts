import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, MadeSource, SourceTask } from '@copr/contract/builder-protocol'
import { ScriptSettings } from '@copr/contract/made-sources'
import type { TaskContext } from '@copr/agent/handler'
import { BuildFailure } from '../build-failure.ts'
import type { EngineOptions } from '../engine.ts'
import { CURL } from './build-source.ts'
import { FIXED, makeSrpm, WORKDIR } from './make-srpm.ts'
import { takeResultFolder } from './result-folder.ts'
import { scriptFailure } from './script-failure.ts'

export type MadeTask = SourceTask & { source: MadeSource }

/**
 * Runs a user's script in the chroot that the user has chosen, as the unprivileged user and with network access. Then makes an SRPM from
 * the spec and the sources that the script has left in its result directory.
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

/** Returns the path of the result directory, which the user may give as an absolute path or relative to the work directory. */
function resultFolder(resultdir: string): string {
  const path = resultdir.startsWith('/') ? resultdir : `${WORKDIR}/${resultdir}`
  const plain = path.replaceAll(/\/(\.?\/)*/g, '/').replace(/\/\.?$/, '')
  if (plain !== WORKDIR && !plain.startsWith(`${WORKDIR}/`))
    throw new BuildFailure(
      `the result directory ${resultdir} is outside of ${WORKDIR}: only what is in there is kept`,
      { category: 'prep', hint: 'Name a result directory in the work directory.' },
    )
  return plain
}
