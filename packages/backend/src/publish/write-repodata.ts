import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { runOrThrow } from '@copr/process/run'
import { CHANGELOG_ENTRIES_SHOWN } from '@copr/rpm/metadata-text'
import { indexedPackages } from '../store/indexed-packages.ts'
import type { RepodataWorkspace, IndexMember } from '../store/results-store.ts'

export interface IndexRequest {
  members: IndexMember[]
  /** The comps file, whose groups dnf shows. */
  comps?: string | undefined
  is_devel: boolean
  now: Date
  signal?: AbortSignal
}

/** A member that is missing from the index because createrepo_c cannot describe it, or because its file has changed. */
export interface UnindexedMember {
  path: string
  /** Completes the message "Cannot publish hello-1-1.noarch.rpm: ". */
  reason: string
}

/**
 * Makes a repository's index. Reuses the published index's entries without checking them, because members never change. Returns the members
 * that the index cannot describe; if there are any, no index is written, and the caller must try again without them.
 */
export async function writeRepodata(
  workspace: Pick<RepodataWorkspace, 'packages' | 'previous' | 'into' | 'portions'>,
  request: IndexRequest,
): Promise<UnindexedMember[]> {
  const { members, comps, is_devel, now, signal } = request
  const { into } = workspace
  if (members.length === 0 && comps === undefined) {
    await renderEmptyIndex(into, now)
    return []
  }
  if (comps !== undefined) await writeFile(join(into, 'comps.xml'), comps)
  let previous = workspace.previous
  for await (const some of workspace.portions(members)) {
    signal?.throwIfAborted()
    const step = await mkdtemp(join(into, 'step-'))
    try {
      await createrepo(workspace, request, { members: some, previous, step })
    } catch (error) {
      signal?.throwIfAborted()
      const described =
        previous === undefined ? new Map<string, string>() : await indexedPackages(previous)
      const added = some.filter(({ path }) => !described.has(locationOf(path, is_devel)))
      const culprits = await crashing(workspace, request, added)
      if (culprits.length === 0) throw error
      return culprits
    }
    previous = step
  }
  if (previous === undefined) throw new Error('Cannot write repository metadata: no portions')
  const unindexed = missingIn(await indexedPackages(previous), members, is_devel)
  if (unindexed.length === 0) await rename(join(previous, 'repodata'), join(into, 'repodata'))
  return unindexed
}

interface CreaterepoRun {
  members: IndexMember[]
  /** The folder whose `repodata` is reused, if any. */
  previous: string | undefined
  /** The folder for the new `repodata`. */
  step: string
}

async function createrepo(
  { packages, into }: Pick<RepodataWorkspace, 'packages' | 'into'>,
  { comps, is_devel, signal }: IndexRequest,
  { members, previous, step }: CreaterepoRun,
): Promise<void> {
  const pkglist = join(into, 'pkglist')
  await writeFile(pkglist, members.map(({ path }) => `${locationOf(path, is_devel)}\n`).join(''))
  await runOrThrow(
    'createrepo_c',
    // gzip, which every dnf and every zypper can read.
    [
      '--quiet',
      '--no-database',
      '--compress-type=gz',
      '--general-compress-type=gz',
      '--workers=2',
      `--changelog-limit=${CHANGELOG_ENTRIES_SHOWN}`,
      ...(previous === undefined ? [] : updateFrom(previous)),
      ...(comps === undefined ? [] : [`--groupfile=${join(into, 'comps.xml')}`]),
      `--pkglist=${pkglist}`,
      `--outputdir=${step}`,
      is_devel ? join(packages, 'devel') : packages,
    ],
    signal ? { signal } : {},
  )
}

/**
 * Returns the members on which createrepo_c fails even if it indexes each of them alone. `members` contains only packages that no previous
 * index describes. Throws if createrepo_c fails even without any package, because then the machine is at fault.
 */
async function crashing(
  workspace: Pick<RepodataWorkspace, 'packages' | 'into'>,
  request: IndexRequest,
  members: IndexMember[],
): Promise<UnindexedMember[]> {
  const index = async (some: IndexMember[]): Promise<void> => {
    const step = await mkdtemp(join(workspace.into, 'probe-'))
    await createrepo(workspace, request, { members: some, previous: undefined, step })
    await rm(step, { recursive: true, force: true })
  }
  const found: UnindexedMember[] = []
  for (const member of members) {
    try {
      await index([member])
    } catch {
      request.signal?.throwIfAborted()
      await index([])
      found.push({ path: member.path, reason: 'createrepo_c fails when it reads this package' })
    }
  }
  return found
}

/** Returns the members that an index does not describe with the right location and digest. */
function missingIn(
  indexed: Map<string, string>,
  members: IndexMember[],
  is_devel: boolean,
): UnindexedMember[] {
  return members.flatMap(({ path, sha256 }) => {
    const found = indexed.get(locationOf(path, is_devel))
    if (found === sha256) return []
    const reason =
      found === undefined
        ? 'it is missing from the repository metadata: createrepo_c cannot describe it, or its file is lost or damaged'
        : `its SHA-256 is ${found} instead of ${sha256}: it has changed since it was verified`
    return [{ path, reason }]
  })
}

/** Returns the path of a package relative to its index. The devel index is one folder deeper. */
function locationOf(path: string, is_devel: boolean): string {
  return is_devel ? `../${path}` : path
}

/**
 * Returns the createrepo_c options that reuse a previous index. With --skip-stat, packages that the previous index describes need not even
 * exist.
 */
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

/**
 * Writes an empty index without createrepo_c: every new project has several, and it would not be worthwhile to start a process for each.
 */
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
