import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FinishRequest } from '@copr/contract/builder-protocol'
import { GemSettings } from '@copr/contract/made-sources'
import type { TaskContext } from '@copr/agent/handler'
import { BuildFailure } from '../build-failure.ts'
import type { Build, EngineOptions } from '../engine.ts'
import { buildSource, CURL } from './build-source.ts'
import type { MadeTask } from './from-script.ts'
import { newestGem, parseGemVersions } from './indexes/gem-versions.ts'
import { askIndex, downloadArchive, NOT_IN_INDEX } from './indexes/package-index.ts'
import { FIXED, makeSrpm, type SourceWork, type SrpmTask, WORKDIR } from './make-srpm.ts'
import { scriptFailure } from './script-failure.ts'

const GENERATOR = 'gem-to-spec.rb'

/** Makes an SRPM of the newest version of a gem. The spec is generated from the gem's own metadata, by the chroot's Ruby. */
export async function makeFromGem(
  task: MadeTask,
  context: TaskContext,
  options: EngineOptions,
): Promise<FinishRequest> {
  const { gem_name, index_url } = GemSettings.parse(task.source.settings)
  let gem = ''
  return await makeSrpm(task, context, options, {
    title: `${gem_name} on RubyGems`,
    packages: ['ruby', 'rubygems', CURL],
    async prepare(build, { workdir, fixed }) {
      gem = await fetchGem(build, { gem_name, index_url }, workdir)
      const generator = fileURLToPath(new URL(`generators/${GENERATOR}`, import.meta.url))
      await cp(generator, join(fixed, GENERATOR))
    },
    make: (work) => makeFromFile(work, { gem, gem_name, index_url }),
  })
}

async function fetchGem(
  build: Build<SrpmTask>,
  { gem_name: name, index_url }: GemSettings,
  workdir: string,
): Promise<string> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name))
    throw new BuildFailure(
      `Cannot use ${JSON.stringify(name)}: it is not the name of a gem`,
      NOT_IN_INDEX,
    )
  const answer = await askIndex(build, `${index_url}/info/${encodeURIComponent(name)}`)
  if (answer === undefined) throw new BuildFailure(`RubyGems has no gem ${name}`, NOT_IN_INDEX)
  const newest = newestGem(parseGemVersions(answer))
  if (!newest)
    throw new BuildFailure(`RubyGems has no version of ${name} with sources`, NOT_IN_INDEX)
  const { version, sha256 } = newest
  const file_name = `${name}-${version}.gem`
  build.log.line(`The newest version of ${name} is ${version}`)
  await downloadArchive(
    build,
    { file_name, url: `${index_url}/gems/${encodeURIComponent(file_name)}`, sha256 },
    workdir,
  )
  return file_name
}

async function makeFromFile(
  work: SourceWork,
  { gem, gem_name, index_url }: GemSettings & { gem: string },
): Promise<void> {
  const spec = `${WORKDIR}/rubygem-${gem_name}.spec`
  const command = ['ruby', `${FIXED}/${GENERATOR}`, `${WORKDIR}/${gem}`, spec, publicUrl(index_url)]
  const exit = await work.run(command, { network: 'none', cwd: WORKDIR })
  if (/^Empty tag: License$/m.test(exit.output))
    throw new BuildFailure(
      `${gem} names no license, so that nobody may distribute it (Empty tag: License)`,
      { category: 'prep', hint: 'Ask the authors of the gem to name a license in its gemspec.' },
    )
  if (exit.code !== 0) throw scriptFailure(`generating a spec from ${gem}`, exit)
  await buildSource(work, { spec, sources: WORKDIR })
}

/** Returns the URL of an index without its password, which must not appear in a spec. */
function publicUrl(index_url: string): string {
  const url = new URL(index_url)
  url.username = ''
  url.password = ''
  return url.href.replace(/\/$/, '')
}
