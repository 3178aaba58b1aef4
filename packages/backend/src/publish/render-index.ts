import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { runOrThrow } from '@copr/process/run'
import { sizeOf } from '../store/files.ts'

export interface IndexRequest {
  /** The repository's folder. */
  dir: string
  /** Packages, as paths below it. */
  members: string[]
  /** An empty folder in which `repodata` is made. */
  into: string
  /** The comps file, which dnf shows as groups. */
  comps?: string | undefined
  /** From where the index will lie to the repository's folder; undefined: the same. */
  prefix?: string | undefined
  now: Date
  signal?: AbortSignal
}

/** Makes a repository's index. What the published index says of a package is believed: members never change. */
export async function renderIndex({
  dir,
  members,
  into,
  comps,
  prefix,
  now,
  signal,
}: IndexRequest): Promise<void> {
  if (members.length === 0 && comps === undefined) return await renderEmptyIndex(into, now)
  const pkglist = join(into, 'pkglist')
  await writeFile(pkglist, members.map((path) => `${path}\n`).join(''))
  const groupfile = join(into, 'comps.xml')
  if (comps !== undefined) await writeFile(groupfile, comps)
  // createrepo_c does not find a package again whose place it has prefixed.
  const hasPrevious =
    prefix === undefined && (await sizeOf(join(dir, 'repodata', 'repomd.xml'))) !== undefined
  const update = ['--update', '--skip-stat', '--update-md-path', dir]
  await runOrThrow(
    'createrepo_c',
    // gzip: every dnf and zypper reads it.
    [
      '--quiet',
      '--no-database',
      '--compress-type=gz',
      '--general-compress-type=gz',
      '--workers=2',
      ...(hasPrevious ? update : []),
      ...(comps === undefined ? [] : [`--groupfile=${groupfile}`]),
      ...(prefix === undefined ? [] : [`--location-prefix=${prefix}`]),
      `--pkglist=${pkglist}`,
      `--outputdir=${into}`,
      dir,
    ],
    signal ? { signal } : {},
  )
}

const COMMON = 'http://linux.duke.edu/metadata/'
const XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
const EMPTY: Record<string, string> = {
  primary: `${XML}<metadata xmlns="${COMMON}common" xmlns:rpm="${COMMON}rpm" packages="0">\n</metadata>\n`,
  filelists: `${XML}<filelists xmlns="${COMMON}filelists" packages="0">\n</filelists>\n`,
  other: `${XML}<otherdata xmlns="${COMMON}other" packages="0">\n</otherdata>\n`,
}

/** Every new project has several: not worth a process each. */
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
