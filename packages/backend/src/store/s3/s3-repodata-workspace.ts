import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Bucket } from '@copr/object-store/bucket'
import { isMissing } from '@copr/object-store/is-missing'
import pMap from 'p-map'
import { sha256Of } from '../files.ts'
import { indexedPackages } from '../indexed-packages.ts'
import type { RepodataWorkspace, IndexMember } from '../results-store.ts'
import type { Scratch } from './scratch.ts'
import { putSignedIndex } from './signed-index.ts'

/** How long the files of a replaced index stay available, because a dnf that has read the old repomd.xml may still fetch them. */
const KEEP_MS = 10 * 60_000
const REPOMD = 'repomd.xml'
const KEPT = '.kept.json'
const TRANSFERS_AT_A_TIME = 4

export interface WorkspaceOptions {
  /** Key prefix of the repository, with a trailing slash. */
  folder: string
  is_devel: boolean
  scratch: Scratch
  /** Returns the path of a local file that may have the content of an object. */
  sourceOf: (key: string) => string | undefined
}

/** Opens a workspace in which an index is made locally and then uploaded to the bucket. Only new packages are downloaded. */
export async function s3RepodataWorkspace(
  bucket: Bucket,
  options: WorkspaceOptions,
): Promise<RepodataWorkspace> {
  const { folder, is_devel, scratch } = options
  const dir = join(scratch.dir, `repodata-${randomUUID()}`)
  const [packages, into, previous] = ['packages', 'into', 'previous'].map((name) => join(dir, name))
  if (!packages || !into || !previous) throw new Error('unreachable')
  const published = `${folder}${is_devel ? 'devel/' : ''}repodata/`
  await mkdir(join(packages, 'devel'), { recursive: true })
  await mkdir(into)
  const close = (): Promise<void> => rm(dir, { recursive: true, force: true })
  try {
    const hrefs = await fetchIndex(bucket, published, join(previous, 'repodata'))
    return {
      packages,
      into,
      previous: hrefs && previous,
      portions: (members) =>
        portions(bucket, members, {
          ...options,
          packages,
          described: hrefs ? previous : undefined,
        }),
      publish: ({ now }) => publishIndex(bucket, published, join(into, 'repodata'), now),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Fetches the published index; returns undefined if there is none, or if one of its files is missing. */
async function fetchIndex(
  bucket: Bucket,
  published: string,
  into: string,
): Promise<string[] | undefined> {
  const repomd = await bucket.getBytes(published + REPOMD)
  if (!repomd) return undefined
  await mkdir(into, { recursive: true })
  const names = namesIn(repomd.toString())
  const fetched = await pMap(
    [REPOMD, ...names],
    (name) => fetchIfThere(bucket, published + name, join(into, name)),
    { concurrency: TRANSFERS_AT_A_TIME },
  )
  if (fetched.every(Boolean)) return names
  // An index that has lost a file is useless, so the next one is made from the packages themselves.
  await rm(into, { recursive: true, force: true })
  return undefined
}

async function fetchIfThere(bucket: Bucket, key: string, path: string): Promise<boolean> {
  try {
    await bucket.getFile(key, path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Returns the names of the data files that are listed in a repomd.xml. */
function namesIn(repomd: string): string[] {
  return [...repomd.matchAll(/<location href="repodata\/([^"/]+)"/g)].map(([, name = '']) => name)
}

async function* portions(
  bucket: Bucket,
  members: IndexMember[],
  options: WorkspaceOptions & { packages: string; described: string | undefined },
): AsyncGenerator<IndexMember[]> {
  const { scratch, packages, described, is_devel } = options
  const known =
    described === undefined ? new Map<string, string>() : await indexedPackages(described)
  const above = is_devel ? '../' : ''
  const missing = members.filter(({ path }) => !known.has(above + path))
  const ready = new Set(members.filter(({ path }) => known.has(above + path)))
  let at = 0
  do {
    const some: IndexMember[] = []
    let bytes = 0
    for (let next = missing[at]; next; next = missing[++at]) {
      if (some.length > 0 && bytes + next.size > scratch.max_bytes / 4) break
      some.push(next)
      bytes += next.size
    }
    using _room = await scratch.room(bytes)
    await pMap(some, (member) => bring(bucket, member, options), {
      concurrency: TRANSFERS_AT_A_TIME,
    })
    for (const member of some) ready.add(member)
    yield members.filter((member) => ready.has(member))
    for (const { path } of some) await rm(join(packages, path), { force: true })
  } while (at < missing.length)
}

/**
 * Downloads a package, or links a local copy of it. Leaves out a package that is lost or is not the published one: the index must not
 * describe a different file, and one such package must not hold up the others.
 */
async function bring(
  bucket: Bucket,
  { path, sha256 }: IndexMember,
  { folder, packages, sourceOf }: WorkspaceOptions & { packages: string },
): Promise<void> {
  const key = folder + path
  const to = join(packages, path)
  await mkdir(dirname(to), { recursive: true })
  const here = sourceOf(key)
  if (here !== undefined) {
    await link(here, to).catch(() => undefined)
    if ((await sha256Of(to).catch(() => undefined)) === sha256) return
    await rm(to, { force: true })
  }
  const found = await fetchIfThere(bucket, key, to)
  if (found && (await sha256Of(to)) !== sha256) await rm(to, { force: true })
}

/** Uploads the data files first, then repomd.xml with its signature. Removes files of earlier indexes after KEEP_MS. */
async function publishIndex(
  bucket: Bucket,
  published: string,
  made: string,
  now: Date,
): Promise<void> {
  const names = (await readdir(made)).filter((name) => !/^repomd\.xml(\.asc)?$/.test(name))
  const before = await bucket.getBytes(published + REPOMD)
  const current = new Set(before ? namesIn(before.toString()) : [])
  const replacedAt = await readKept(bucket, published)
  await pMap(names, (name) => bucket.putFile(published + name, join(made, name)), {
    concurrency: TRANSFERS_AT_A_TIME,
  })
  await putSignedIndex(bucket, published + REPOMD, made)
  const kept: Record<string, number> = {}
  const over: string[] = []
  const { files } = await bucket.listFolder(published)
  for (const { key } of files) {
    const name = key.slice(published.length)
    if (name === REPOMD || name.startsWith('.') || names.includes(name)) continue
    const since = (current.has(name) ? undefined : replacedAt[name]) ?? now.getTime()
    if (now.getTime() - since > KEEP_MS) over.push(key)
    else kept[name] = since
  }
  await bucket.put(published + KEPT, JSON.stringify(kept))
  await bucket.remove(over)
}

async function readKept(bucket: Bucket, published: string): Promise<Record<string, number>> {
  const text = await bucket.getBytes(published + KEPT)
  return text ? (JSON.parse(text.toString()) as Record<string, number>) : {}
}
