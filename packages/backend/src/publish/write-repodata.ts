import { createHash } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { runOrThrow } from '@copr/process/run'
import { CHANGELOG_ENTRIES_SHOWN } from '@copr/rpm/metadata-text'
import type { RepodataWorkspace, IndexMember } from '../store/results-store.ts'

export interface IndexRequest {
  members: IndexMember[]
  /** The comps file, which dnf shows as groups. */
  comps?: string | undefined
  /** The devel index lies one folder deeper than the packages that it names. */
  is_devel: boolean
  now: Date
  signal?: AbortSignal
}

/** Makes a repository's index. Reuses the published index's entries without checking them, as members never change. */
export async function writeRepodata(
  workspace: Pick<RepodataWorkspace, 'packages' | 'previous' | 'into' | 'portions'>,
  { members, comps, is_devel, now, signal }: IndexRequest,
): Promise<void> {
  const { into } = workspace
  if (members.length === 0 && comps === undefined) return await renderEmptyIndex(into, now)
  const groupfile = join(into, 'comps.xml')
  if (comps !== undefined) await writeFile(groupfile, comps)
  let previous = workspace.previous
  let count = 0
  for await (const some of workspace.portions(members)) {
    signal?.throwIfAborted()
    const step = join(into, `step-${++count}`)
    await mkdir(step)
    const pkglist = join(into, 'pkglist')
    const above = is_devel ? '../' : ''
    await writeFile(pkglist, some.map(({ path }) => `${above}${path}\n`).join(''))
    const update = previous === undefined ? [] : updateFrom(previous)
    await runOrThrow(
      'createrepo_c',
      // gzip: every dnf and zypper reads it.
      [
        '--quiet',
        '--no-database',
        '--compress-type=gz',
        '--general-compress-type=gz',
        '--workers=2',
        `--changelog-limit=${CHANGELOG_ENTRIES_SHOWN}`,
        ...update,
        ...(comps === undefined ? [] : [`--groupfile=${groupfile}`]),
        `--pkglist=${pkglist}`,
        `--outputdir=${step}`,
        is_devel ? join(workspace.packages, 'devel') : workspace.packages,
      ],
      signal ? { signal } : {},
    )
    previous = step
  }
  await rename(join(into, `step-${count}`, 'repodata'), join(into, 'repodata'))
}

/** The options that reuse a previous index; with --skip-stat the packages that it describes need not even exist. */
const updateFrom = (previous: string): string[] => [
  '--update',
  '--skip-stat',
  '--update-md-path',
  previous,
]

const COMMON = 'http://linux.duke.edu/metadata/'
const XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
const EMPTY: Record<string, string> = {
  primary: `${XML}<metadata xmlns="${COMMON}common" xmlns:rpm="${COMMON}rpm" packages="0">\n</metadata>\n`,
  filelists: `${XML}<filelists xmlns="${COMMON}filelists" packages="0">\n</filelists>\n`,
  other: `${XML}<otherdata xmlns="${COMMON}other" packages="0">\n</otherdata>\n`,
}

/** Writes an empty index without createrepo_c: every new project has several, not worth a process each. */
async function renderEmptyIndex(into: string, now: Date): Promise<void> {
  const seconds = Math.floor(now.getTime() / 1000)
  await mkdir(join(into, 'repodata'))
  const data: string[] = []
  for (const [type, xml] of Object.entries(EMPTY)) {
    const packed = gzipSync(xml)
    const sum = sha256(packed)
    const name = `repodata/${sum}-${type}.xml.gz`
    await writeFile(join(into, name), packed)
    data.push(
      `  <data type="${type}">
    <checksum type="sha256">${sum}</checksum>
    <open-checksum type="sha256">${sha256(xml)}</open-checksum>
    <location href="${name}"/>
    <timestamp>${seconds}</timestamp>
    <size>${packed.length}</size>
    <open-size>${Buffer.byteLength(xml)}</open-size>
  </data>
`,
    )
  }
  const repomd = `${XML}<repomd xmlns="${COMMON}repo" xmlns:rpm="${COMMON}rpm">
  <revision>${seconds}</revision>
${data.join('')}</repomd>
`
  await writeFile(join(into, 'repodata', 'repomd.xml'), repomd)
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
