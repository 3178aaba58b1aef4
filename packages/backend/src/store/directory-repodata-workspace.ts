import { randomUUID } from 'node:crypto'
import {
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isMissing, sizeOf, syncDir, syncFile } from './files.ts'
import type { RepodataWorkspace } from './results-store.ts'

/** How long the files of a replaced index stay available, because a dnf that has read the old repomd.xml may still fetch them. */
const KEEP_MS = 10 * 60_000
const KEPT = '.kept.json'
const OWN = /^repomd\.xml(\.asc)?$|^\./

/** Opens a workspace next to the published index. Packages are indexed where they are stored. */
export async function directoryRepodataWorkspace(
  dir: string,
  { is_devel }: { is_devel: boolean },
): Promise<RepodataWorkspace> {
  const place = is_devel ? join(dir, 'devel') : dir
  const into = join(place, `.render-${randomUUID()}`)
  await mkdir(into, { recursive: true })
  const hasPrevious = (await sizeOf(join(place, 'repodata', 'repomd.xml'))) !== undefined
  return {
    packages: dir,
    previous: hasPrevious ? place : undefined,
    into,
    async *portions(members) {
      yield members
    },
    publish: (options) => switchIndex(place, join(into, 'repodata'), options),
    [Symbol.asyncDispose]: () => rm(into, { recursive: true, force: true }),
  }
}

/**
 * Publishes a finished `repodata` folder by switching a symbolic link, so that repomd.xml and its signature change atomically. Moves the
 * folder `made`.
 */
async function switchIndex(
  dir: string,
  made: string,
  { generation, now }: { generation: number; now: Date },
): Promise<void> {
  const previous = await currentIndex(dir)
  if (previous) await keepFiles(join(dir, previous), made, now)
  for (const name of await readdir(made)) await syncFile(join(made, name))
  await syncDir(made)
  const target = `.repodata-${generation}-${randomUUID().slice(0, 8)}`
  await rename(made, join(dir, target))
  const turned = join(dir, `.repodata-link-${randomUUID()}`)
  await symlink(target, turned)
  await moveRealFolderAway(dir)
  await rename(turned, join(dir, 'repodata'))
  await syncDir(dir)
  // The previous index stays until the next publication, because a request may still be resolving a path into it.
  await removeLeftovers(dir, [target, previous])
}

async function currentIndex(dir: string): Promise<string | undefined> {
  try {
    return basename(await readlink(join(dir, 'repodata')))
  } catch (error) {
    if (isMissing(error) || isNoLink(error)) return undefined
    throw error
  }
}

/**
 * Links the previous index's data files into the new index, and records when each of these files was replaced. Leaves out files that were
 * replaced too long ago.
 */
async function keepFiles(previous: string, made: string, now: Date): Promise<void> {
  const replacedAt = await readKept(previous)
  const has = new Set(await readdir(made))
  const kept: Record<string, number> = {}
  for (const name of await namesIn(previous)) {
    const since = replacedAt[name] ?? now.getTime()
    if (OWN.test(name) || has.has(name) || now.getTime() - since > KEEP_MS) continue
    await link(join(previous, name), join(made, name))
    kept[name] = since
  }
  await writeFile(join(made, KEPT), JSON.stringify(kept))
}

async function readKept(previous: string): Promise<Record<string, number>> {
  try {
    return JSON.parse(await readFile(join(previous, KEPT), 'utf8')) as Record<string, number>
  } catch (error) {
    if (isMissing(error)) return {}
    throw error
  }
}

async function namesIn(dir: string): Promise<string[]> {
  return await readdir(dir).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
}

/** Moves a real folder out of the way of the link. A results tree that was copied from elsewhere may contain one. */
async function moveRealFolderAway(dir: string): Promise<void> {
  const found = await lstat(join(dir, 'repodata')).catch(() => undefined)
  if (found?.isDirectory())
    await rename(join(dir, 'repodata'), join(dir, `.repodata-0-${randomUUID()}`))
}

/** Removes older indexes and leftovers of killed processes. The caller holds the repository lock, so no other publisher uses them. */
async function removeLeftovers(dir: string, inUse: (string | undefined)[]): Promise<void> {
  for (const name of await readdir(dir))
    if (/^\.(repodata|render)-/.test(name) && !inUse.includes(name))
      await rm(join(dir, name), { recursive: true, force: true })
}

function isNoLink(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EINVAL'
}
