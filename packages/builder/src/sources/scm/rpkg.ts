import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { ResultFile } from '@copr/contract/builder-protocol'
import { BuildFailure } from '../../build-failure.ts'
import { TOPDIR } from '../../roots/build-folders.ts'
import { buildSource } from '../build-source.ts'
import { copySources, SOURCES } from '../copy-sources.ts'
import type { SourceWork } from '../make-srpm.ts'
import { scriptFailure } from '../script-failure.ts'
import { GIT_ENV } from './git.ts'

const RENDER = readFileSync(new URL('rpkg.bash', import.meta.url), 'utf8')

/**
 * Makes an SRPM as rpkg does: renders the templates in the spec, which are shell code from the repository, and takes the sources from the
 * directory of the spec, from the templates, or from their URLs.
 */
export async function buildByRpkg(
  work: SourceWork,
  { spec, top }: { spec: string; top: string },
): Promise<void> {
  const name = basename(spec).replace(/\.rpkg$/, '')
  if (!ResultFile.shape.name.safeParse(name).success)
    throw new BuildFailure(
      `Cannot use the spec file ${JSON.stringify(name)}: rename it, letters, digits and . _ + ~ ^ - are possible`,
      { category: 'prep', hint: 'Rename the spec file.' },
    )
  const rendered = `${TOPDIR}/SPECS/${name}`
  const outside = await copySources(work, { folder: dirname(spec), top })
  const exit = await work.run(['bash', '-c', RENDER, 'rpkg', spec, rendered, SOURCES], {
    network: 'public',
    cwd: dirname(spec),
    shown: `Rendering ${basename(spec)}`,
    env: GIT_ENV,
  })
  if (exit.code !== 0) throw scriptFailure('rendering the spec file', exit)
  await buildSource(work, { spec: rendered, sources: SOURCES, outside })
}
