import {
  buildsOfDir,
  forgetRemoval,
  livingDir,
  repositoriesOfDir,
  type Removal,
  wantedRemovals,
} from '@copr/domain/repositories/removals'
import { republish } from '@copr/domain/repositories/publishing'
import { CoprError } from '@copr/process/errors'
import type { Backend } from '../context.ts'
import { removalPath, type ResultsPath } from '../store/paths.ts'

/** Removes folders that nobody refers to any more. A row is forgotten only when its folder is gone. */
export async function removeDue(backend: Backend): Promise<void> {
  const { db, log } = backend
  for (const removal of await wantedRemovals(db, 'results')) {
    try {
      if (!(await remove(backend, removal))) continue
      log.info({ path: removal.path }, 'Results removed')
    } catch (err) {
      // A path that is not one of ours will never be.
      if (!(err instanceof CoprError)) throw err
      log.error({ err, path: removal.path }, 'Removal refused')
    }
    await forgetRemoval(db, removal.id)
  }
}

/** False when it is too early. */
async function remove(backend: Backend, removal: Removal): Promise<boolean> {
  const { db, store } = backend
  const path = removalPath(removal.path)
  const [ownername = '', dirname = '', chroot, result_dir] = path.split('/')
  const living = await livingDir(db, { ownername, dirname })
  if (living && chroot !== undefined && chroot !== 'srpm-builds') {
    const repositories = await repositoriesOfDir(db, living.project_dir_id, chroot)
    // The index goes first: it must never name files that are gone.
    if (result_dir !== undefined && repositories.some(({ is_published }) => !is_published))
      return false
    if (result_dir === undefined && repositories.some(({ is_enabled }) => is_enabled))
      return await removeOthers(backend, path, living.project_dir_id)
  }
  if (living && chroot === undefined)
    return await removeOthers(backend, path, living.project_dir_id)
  await store.remove(path)
  if (living) return true
  // It takes a while: a project that took the place meanwhile may have lost files of its indexes.
  const successor = await livingDir(db, { ownername, dirname })
  if (successor) await republishAll(db, successor.project_dir_id)
  return true
}

/**
 * The place was taken by a new project (or the chroot enabled again) before the old one's files were gone:
 * only folders of builds that are not the new one's go, and the indexes are made anew.
 */
async function removeOthers(
  { db, store }: Backend,
  path: ResultsPath,
  project_dir_id: number,
): Promise<boolean> {
  const foldersIn = async (names: string[]): Promise<string[][]> =>
    (await store.list(names)).filter(({ isDir }) => isDir).map(({ name }) => [...names, name])
  const names = path.split('/')
  const below = names.length > 2 ? [names] : await foldersIn(names)
  const builds: { id: number; path: string }[] = []
  for (const chroot of below)
    for (const folder of await foldersIn(chroot)) {
      const id = /^(\d{8,15})(-|$)/.exec(folder.at(-1) ?? '')?.[1]
      if (id) builds.push({ id: Number(id), path: folder.join('/') })
    }
  const own = await buildsOfDir(
    db,
    project_dir_id,
    builds.map(({ id }) => id),
  )
  for (const build of builds) if (!own.has(build.id)) await store.remove(removalPath(build.path))
  await republishAll(db, project_dir_id)
  return true
}

async function republishAll(db: Backend['db'], project_dir_id: number): Promise<void> {
  const repositories = await repositoriesOfDir(db, project_dir_id)
  await republish(
    db,
    repositories.map(({ id }) => id),
  )
}
