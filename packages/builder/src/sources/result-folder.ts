import { ResultFile } from '@copr/contract/builder-protocol'
import { BuildFailure } from '../build-failure.ts'
import { TOPDIR } from '../roots/build-folders.ts'
import { buildSource } from './build-source.ts'
import type { SourceWork } from './make-srpm.ts'

const PREP = {
  category: 'prep',
  hint: 'Leave one spec file with its sources, or one source package, in the result directory.',
} as const

/** Prints the spec files and the SRPMs in the folder $1, unless the folder is outside of $2. */
const LOOK = `
cd "$1" 2>/dev/null || { echo "missing: "; exit 0; }
case $(pwd -P) in "$2"|"$2"/*) ;; *) echo "outside: "; exit 0 ;; esac
for file in *.spec; do [ ! -f "$file" ] || echo "spec: $file"; done
for file in *.src.rpm; do [ ! -f "$file" ] || echo "srpm: $file"; done
`

/**
 * Makes an SRPM from the spec and the sources in a folder of the buildroot, which is inside `top`. If the folder contains no spec but an
 * SRPM, takes that.
 */
export async function takeResultFolder(
  work: SourceWork,
  { folder, top, shown }: { folder: string; top: string; shown: string },
): Promise<void> {
  const { output } = await work.run(['/bin/sh', '-c', LOOK, 'sh', folder, top], {
    network: 'none',
    shown: `Looking for a spec file in ${shown}`,
  })
  const found = (kind: string): string[] =>
    [...output.matchAll(new RegExp(`^${kind}: (.*)$`, 'gm'))].map(([, name = '']) => name)
  if (found('missing').length > 0) throw new BuildFailure(`${shown} does not exist`, PREP)
  if (found('outside').length > 0)
    throw new BuildFailure(`${shown} is a link that leads out of ${top}`, PREP)
  const specs = found('spec')
  const srpms = found('srpm')
  if (specs.length > 1) throw tooMany(shown, 'spec files', specs)
  if (specs.length === 0 && srpms.length > 1) throw tooMany(shown, 'source packages', srpms)
  const [name] = [...specs, ...srpms]
  if (name === undefined)
    throw new BuildFailure(`${shown} contains neither a spec file nor a source package`, PREP)
  if (!ResultFile.shape.name.safeParse(name).success)
    throw new BuildFailure(
      `Cannot use ${JSON.stringify(name)}: rename it, letters, digits and . _ + ~ ^ - are possible`,
      PREP,
    )
  const path = `${folder}/${name}`
  if (specs.length > 0) return await buildSource(work, { spec: path, sources: folder })
  const { code } = await work.run(['cp', '--', path, `${TOPDIR}/SRPMS/`], { network: 'none' })
  if (code !== 0) throw new BuildFailure(`Cannot read ${name} in ${shown}`, PREP)
}

function tooMany(shown: string, what: string, names: string[]): BuildFailure {
  const list = names.slice(0, 10).join(', ')
  return new BuildFailure(`${shown} contains ${names.length} ${what} instead of one: ${list}`, PREP)
}
