import { rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type FinishRequest, ResultFile, type SourceTask } from '@copr/contract/builder-protocol'
import { MAX_SPEC_BYTES } from '@copr/contract/made-sources'
import type { TaskContext } from '@copr/agent/handler'
import { BuildFailure } from '../build-failure.ts'
import type { EngineOptions } from '../engine.ts'
import { TOPDIR } from '../roots/build-folders.ts'
import { firstError } from '../rpmbuild/build-error.ts'
import { missingSources, rpmbuildFailure } from '../rpmbuild/rpmbuild.ts'
import type { SandboxExit } from '../sandbox/sandbox.ts'
import { downloadFromUser, withoutCredentials } from './download-from-user.ts'
import { makeSrpm, rpmbuildSource, type SourceWork } from './make-srpm.ts'
import { networkFault } from './network-fault.ts'

export type SpecTask = SourceTask & {
  source: Extract<SourceTask['source'], { type: 'link' | 'upload' }>
}

/** Makes an SRPM of a spec file that was uploaded or linked; rpm downloads the sources and patches that the spec names by URL. */
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
    packages: ['curl'],
    async prepare({ dir, log, rules, signal }, topdir) {
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
    make: (work) => buildSource(work, `${TOPDIR}/SPECS/${spec}`),
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

const PROTOCOLS = 'http,https,ftp,ftps'
/** Options of rpm's downloads: a stalled server fails the task soon, and no URL or redirect leads to a file. */
const CURL = `--proto =${PROTOCOLS} --proto-redir =${PROTOCOLS} --max-redirs 5 --connect-timeout 30 --speed-limit 1 --speed-time 60 --retry 2`

/** Makes the SRPM of a spec file; downloads the sources that it names by URL, and names those that are missing. */
async function buildSource({ build, run }: SourceWork, spec: string): Promise<void> {
  const fetch = ['--define', '_disable_source_fetch 0', '--define', `__urlhelper_localopts ${CURL}`]
  const exit = await run(rpmbuildSource(build.task, spec, fetch), { network: 'public' })
  if (exit.code !== 0) throw await specFailure(exit, build)
}

async function specFailure(
  exit: SandboxExit,
  { rules }: Pick<SourceWork['build'], 'rules'>,
): Promise<BuildFailure> {
  const url = /^error: Couldn't download (.+)$/m.exec(exit.output)?.[1]
  if (url !== undefined && exit.exhausted === undefined) {
    const said = /^curl: \(\d+\) (.*)$/m.exec(exit.output)?.[1]
    const cause = (await networkFault(said ?? '', rules)) ?? said ?? 'curl failed'
    return new BuildFailure(`cannot download ${url}: ${cause}`, {
      category: 'network',
      hint: 'Correct the URL in the spec, or upload a source package (.src.rpm).',
    })
  }
  const missing = missingSources(exit.output)
  if (missing.length > 0)
    return new BuildFailure(
      `the spec names ${missing.toSorted().join(', ')} without a URL: name each source by a URL, or upload a source package (.src.rpm)`,
      {
        category: 'prep',
        hint: 'Name each source by a URL, or upload a source package (.src.rpm).',
      },
    )
  const words = 'cannot create the SRPM: rpmbuild -bs exited with code'
  return rpmbuildFailure(words, exit, firstError(exit.output))
}
