import { readFileSync } from 'node:fs'
import type { ScmSettings } from '@copr/contract/made-sources'
import { BuildFailure } from '../../build-failure.ts'
import type { SourceWork } from '../make-srpm.ts'

const LOCATE = readFileSync(new URL('locate.sh', import.meta.url), 'utf8')

const PREP = {
  category: 'prep',
  hint: 'Correct the subdirectory or the spec file in the source of the package.',
} as const

/** The place of a package in its repository, as paths in the buildroot. */
interface PackagePlace {
  directory: string
  /** The spec file that the settings name or, if they name none, all spec files in the directory. */
  specs: string[]
}

/** Finds the directory of a package and its spec file. Throws a BuildFailure if they do not exist or lead out of the repository. */
export async function locatePackage(
  work: SourceWork,
  top: string,
  { subdirectory, spec }: Pick<ScmSettings, 'subdirectory' | 'spec'>,
): Promise<PackagePlace> {
  const { output } = await work.run(['/bin/sh', '-c', LOCATE, 'sh', top, subdirectory, spec], {
    network: 'none',
    shown: `Looking for the package in ${subdirectory === '' ? 'the repository' : subdirectory}`,
  })
  const found = (key: string): string[] =>
    [...output.matchAll(new RegExp(`^${key}: (.*)$`, 'gm'))].map(([, value = '']) => value)
  if (found('no-directory').length > 0)
    throw new BuildFailure(`the repository has no directory ${subdirectory}`, PREP)
  const [outside] = found('outside')
  if (outside !== undefined)
    throw new BuildFailure(
      `${outside} is a symbolic link that points outside of the repository`,
      PREP,
    )
  if (found('no-spec').length > 0)
    throw new BuildFailure(`the repository has no file ${spec}`, PREP)
  const [directory = top] = found('directory')
  return { directory, specs: found('spec') }
}

/** Returns the only spec file; throws a BuildFailure if there is none or more than one. */
export function onlySpec({ directory, specs }: PackagePlace, top: string): string {
  const [spec] = specs
  const place = directory === top ? 'the top of the repository' : directory.slice(top.length + 1)
  if (spec === undefined)
    throw new BuildFailure(
      `${place} contains no spec file: name its directory or the spec file`,
      PREP,
    )
  if (specs.length > 1) {
    const names = specs.map((path) => path.slice(path.lastIndexOf('/') + 1)).slice(0, 10)
    throw new BuildFailure(
      `${place} contains ${specs.length} spec files: name one of ${names.join(', ')}`,
      PREP,
    )
  }
  return spec
}
