import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DistgitLayout, fillTemplate } from '@copr/contract/configuration/distgit-instances'
import type { DistgitSettings } from '@copr/contract/made-sources'
import { BuildFailure } from '../../build-failure.ts'
import { SOURCES } from '../copy-sources.ts'
import { downloadFromUser } from '../download-from-user.ts'
import type { SourceWork } from '../make-srpm.ts'
import { scriptFailure } from '../script-failure.ts'
import { parseSourceList, type SourceEntry } from '../source-list.ts'

/** The directory in the buildroot at which the downloaded files appear. */
const DOWNLOADS = '/etc/copr-lookaside'
/** Five times the size of Fedora's longest list, which has 40 kB. */
const MAX_LIST_BYTES = 200_000
const PREP = { category: 'prep', hint: 'Correct the list of sources in the repository.' } as const

/** Prints `ref: ` and the branch or commit, then the file $2 of the repository $1. */
const READ = `
ref=$(git -C "$1" symbolic-ref -q --short HEAD || git -C "$1" rev-parse HEAD) || exit
echo "ref: $ref"
[ -e "$1/$2" ] || [ -L "$1/$2" ] || exit 0
path=$(readlink -f -- "$1/$2")
case $path in "$1"/*) ;; *) exit 91 ;; esac
[ -f "$path" ] && [ "$(wc -c <"$path")" -le ${MAX_LIST_BYTES} ] || exit 92
cat -- "$path"
`

interface Package {
  /** Path of the repository in the buildroot. */
  top: string
  name: string
  settings: DistgitSettings
  layout: DistgitLayout
}

/**
 * Downloads the files that the list of a dist-git's package names to {@link SOURCES}, and compares their digests; returns the name of the
 * list. The agent downloads: no program of the repository has a part in it.
 */
export async function fetchListedSources(work: SourceWork, wanted: Package): Promise<string> {
  const { name, layout } = wanted
  const list = fillTemplate(layout.sources_file, { name })
  const { ref, entries } = await readList(work, wanted, list)
  if (entries.length === 0) return list
  const folder = join(work.build.dir, 'lookaside')
  await mkdir(folder)
  const { rules, log, signal } = work.build
  for (const { algorithm, hex, fileName } of entries) {
    await downloadFromUser(
      urlOf({ algorithm, hex, fileName }, wanted, ref),
      join(folder, fileName),
      {
        rules,
        // A source that is larger does not fit into the SRPM either.
        max_bytes: work.build.task.limits.max_srpm_bytes,
        expect: { algorithm, hex },
        write: (text) => log.output(text, 'build'),
        signal,
      },
    )
    log.line(`Source ${fileName} (${algorithm} ${hex})`, 'build')
  }
  const copied = await work.run(['cp', '-r', '--', `${DOWNLOADS}/.`, SOURCES], {
    network: 'none',
    shown: 'Copying the downloaded sources',
    binds: [{ from: folder, to: DOWNLOADS, changes: 'forbidden' }],
  })
  if (copied.code !== 0) throw scriptFailure('copying the downloaded sources', copied)
  return list
}

async function readList(
  { run }: SourceWork,
  { top, layout }: Package,
  list: string,
): Promise<{ ref: string; entries: SourceEntry[] }> {
  const { code, output } = await run(['/bin/sh', '-c', READ, 'sh', top, list], {
    network: 'none',
    shown: `Reading ${list}`,
  })
  if (code === 91)
    throw new BuildFailure(
      `the file ${list} is a symbolic link that points outside of the repository`,
      PREP,
    )
  if (code !== 0)
    throw new BuildFailure(
      `Cannot read the file ${list}: it is not a regular file of at most ${MAX_LIST_BYTES} bytes`,
      PREP,
    )
  const [first = '', ...lines] = output.split('\n')
  const ref = first.replace(/^ref: /, '')
  return { ref, entries: parseSourceList(lines.join('\n'), layout.sources_dir) }
}

function urlOf(
  { algorithm, hex, fileName }: SourceEntry,
  { name, settings, layout }: Package,
  ref: string,
): string {
  if (layout.lookaside_url === undefined)
    throw new BuildFailure(
      `the source ${fileName} is not in the repository, and this site knows no lookaside cache of the dist-git ${settings.distgit}`,
      {
        category: 'prep',
        hint: 'Ask the administrator to set its lookaside_url, or commit the file.',
      },
    )
  const namespace = settings.namespace || (layout.default_namespace ?? '')
  return fillTemplate(layout.lookaside_url, {
    name: encodeURIComponent(name),
    namespace: namespace.split('/').map(encodeURIComponent).join('/'),
    filename: encodeURIComponent(fileName),
    hashtype: algorithm,
    hash: hex,
    ref: encodeURIComponent(ref),
  })
}
