import { BuildFailure } from '../build-failure.ts'
import { chrootParts } from '../repositories/repository.ts'
import { TOPDIR } from '../roots/build-folders.ts'
import { firstError } from '../rpmbuild/build-error.ts'
import { missingSources, rpmbuildFailure } from '../rpmbuild/rpmbuild.ts'
import type { SandboxExit } from '../sandbox/sandbox.ts'
import type { SourceWork } from './make-srpm.ts'
import { networkFault } from './network-fault.ts'

/** The package of the program that rpm uses for downloads. */
export const CURL = 'curl'

const PROTOCOLS = 'http,https,ftp,ftps'
/** Options for rpm's downloads: a stalled server soon fails the task, and no URL or redirect can lead to a local file. */
const CURL_OPTIONS = `--proto =${PROTOCOLS} --proto-redir =${PROTOCOLS} --max-redirs 5 --connect-timeout 30 --speed-limit 1 --speed-time 60 --retry 2`

/** A spec file and the folder of its sources, as paths in the buildroot. */
interface SpecInRoot {
  spec: string
  sources: string
  /** Names of sources that were left out because they are links that lead out of the repository. */
  outside?: string[]
  /** The list that names all sources, if the spec's URLs are not to be used. */
  list?: string
}

/** Makes the SRPM of a spec file and its sources. Downloads missing sources that the spec names by URL. */
export async function buildSource(
  { build, run }: SourceWork,
  { spec, sources, outside = [], list }: SpecInRoot,
): Promise<void> {
  const { arch } = chrootParts(build.task.chroot.name)
  const macros = [
    `_topdir ${TOPDIR}`,
    `_sourcedir ${sources}`,
    `_disable_source_fetch ${list === undefined ? 0 : 1}`,
    `__urlhelper_localopts ${CURL_OPTIONS}`,
  ]
  const command = ['rpmbuild', '-bs', '--nodeps', '--target', arch]
  const defined = macros.flatMap((macro) => ['--define', macro])
  // Some specs run `git describe` or similar commands, which must run in the repository.
  const cwd = sources
  const network = list === undefined ? 'public' : 'none'
  const exit = await run([...command, ...defined, spec], { network, cwd })
  if (exit.code !== 0) throw await failureOf(exit, build.rules, { sources, outside, list })
}

async function failureOf(
  exit: SandboxExit,
  rules: SourceWork['build']['rules'],
  { sources, outside, list }: { sources: string; outside: string[]; list: string | undefined },
): Promise<BuildFailure> {
  const url = /^error: Couldn't download (.+)$/m.exec(exit.output)?.[1]
  if (url !== undefined && exit.exhausted === undefined) {
    const said = /^curl: \(\d+\) (.*)$/m.exec(exit.output)?.[1]
    const cause = (await networkFault(said ?? '', rules)) ?? said ?? 'curl failed'
    return new BuildFailure(`cannot download ${url}: ${cause}`, {
      category: 'network',
      hint: 'Correct the URL in the spec, or build a source package (.src.rpm).',
    })
  }
  const missing = missingSources(exit.output, `${sources}/`)
  const link = outside.find((name) => missing.includes(name))
  if (link !== undefined)
    return new BuildFailure(
      `the source ${link} is a symbolic link that points outside of the repository`,
      {
        category: 'prep',
        hint: 'Replace the link by the file.',
      },
    )
  if (missing.length > 0 && list !== undefined)
    return new BuildFailure(
      `the spec names ${missing.toSorted().join(', ')}, which is neither in the repository nor in its file ${list}`,
      { category: 'prep', hint: `Upload the file to the lookaside cache, and add it to ${list}.` },
    )
  if (missing.length > 0)
    return new BuildFailure(
      `the spec names ${missing.toSorted().join(', ')} without a URL, and the source does not contain it: name each source by a URL, or build a source package (.src.rpm)`,
      {
        category: 'prep',
        hint: 'Name each source by a URL, or build a source package (.src.rpm).',
      },
    )
  const words = 'cannot create the SRPM: rpmbuild -bs exited with code'
  return rpmbuildFailure(words, exit, firstError(exit.output))
}
