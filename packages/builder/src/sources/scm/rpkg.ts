import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { ResultFile } from '@copr/contract/builder-protocol'
import { BuildFailure } from '../../build-failure.ts'
import { TOPDIR } from '../../roots/build-folders.ts'
import { buildSource } from '../build-source.ts'
import type { SourceWork } from '../make-srpm.ts'
import { scriptFailure } from '../script-failure.ts'
import { GIT_ENV } from './clone.ts'

const RENDER = readFileSync(new URL('rpkg.bash', import.meta.url), 'utf8')
const SOURCES = `${TOPDIR}/SOURCES`
/** Copies the files next to the spec to where archives are packed. A link can only lead to a file of the root. */
const COPY = `
cd "$1" && find . -maxdepth 1 -xtype f -exec cp -L -- {} "$2" \\;
`

/**
 * Makes an SRPM as rpkg does: renders the templates of the spec, which are shell code of the repository, and takes the sources from the
 * directory of the spec, from the templates, or from their URLs.
 */
export async function buildByRpkg(work: SourceWork, spec: string): Promise<void> {
  const name = basename(spec).replace(/\.rpkg$/, '')
  if (!ResultFile.shape.name.safeParse(name).success)
    throw new BuildFailure(
      `Cannot use the spec file ${JSON.stringify(name)}: rename it, letters, digits and . _ + ~ ^ - are possible`,
      { category: 'prep', hint: 'Rename the spec file.' },
    )
  const rendered = `${TOPDIR}/SPECS/${name}`
  const copied = await work.run(['/bin/sh', '-c', COPY, 'sh', dirname(spec), SOURCES], {
    network: 'none',
    shown: `Copying the files of ${dirname(spec)}`,
  })
  if (copied.code !== 0) throw scriptFailure('copying the sources', copied)
  const exit = await work.run(['bash', '-c', RENDER, 'rpkg', spec, rendered, SOURCES], {
    network: 'public',
    cwd: dirname(spec),
    shown: `Rendering ${basename(spec)}`,
    env: GIT_ENV,
  })
  if (exit.code !== 0) throw scriptFailure('rendering the spec file', exit)
  await buildSource(work, { spec: rendered, sources: SOURCES })
}
