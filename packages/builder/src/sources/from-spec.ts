import { rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type FinishRequest, ResultFile, type SourceTask } from '@copr/contract/builder-protocol'
import { MAX_SPEC_BYTES } from '@copr/contract/made-sources'
import type { TaskContext } from '@copr/agent/handler'
import { BuildFailure } from '../build-failure.ts'
import type { EngineOptions } from '../engine.ts'
import { TOPDIR } from '../roots/build-folders.ts'
import { buildSource, CURL } from './build-source.ts'
import { downloadFromUser, withoutCredentials } from './download-from-user.ts'
import { makeSrpm } from './make-srpm.ts'

export type SpecTask = SourceTask & {
  source: Extract<SourceTask['source'], { type: 'link' | 'upload' }>
}

/** Makes an SRPM from a spec file that was uploaded or linked. rpm downloads the sources and patches that the spec names by URL. */
export async function makeFromSpec(
  task: SpecTask,
  context: TaskContext,
  options: EngineOptions,
): Promise<FinishRequest> {
  const { source } = task
  const title = source.type === 'link' ? withoutCredentials(source.url) : source.file_name
  const spec = source.type === 'link' ? nameInUrl(source.url) : source.file_name
  return await makeSrpm(task, context, options, {
    title,
    packages: [CURL],
    async prepare({ dir, log, rules, signal }, { topdir }) {
      if (!ResultFile.shape.name.safeParse(spec).success)
        throw new BuildFailure(
          `Cannot use the spec file ${JSON.stringify(spec)}: rename it, letters, digits and . _ + ~ ^ - are possible`,
          { category: 'prep', hint: 'Rename the spec file.' },
        )
      const path = join(dir, 'received.spec')
      if (source.type === 'upload') await context.fetchSrpm(path)
      else {
        const write = (text: string): void => log.output(text)
        const max_bytes = MAX_SPEC_BYTES
        await downloadFromUser(source.url, path, { rules, max_bytes, write, signal })
      }
      await rename(path, join(topdir, 'SPECS', spec))
    },
    make: (work) =>
      buildSource(work, { spec: `${TOPDIR}/SPECS/${spec}`, sources: `${TOPDIR}/SOURCES` }),
  })
}

function nameInUrl(url: string): string {
  const path = URL.parse(url)?.pathname ?? ''
  try {
    return decodeURIComponent(basename(path))
  } catch {
    return basename(path)
  }
}
