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

/** Removes the folders that `removal` rows name. A row is deleted only after its folder has been removed. */
export async function removeDue(backend: Backend): Promise<void> {
  const { db, log } = backend
  for (const removal of await wantedRemovals(db, 'results')) {
    try {
      if (!(await remove(backend, removal))) continue
      log.info({ path: removal.path }, 'Results removed')
    } catch (err) {
      // An invalid path will not become valid, so its row is deleted instead of retried.
      if (!(err instanceof CoprError)) throw err
      log.error({ err, path: removal.path }, 'Removal refused')
    }
    await forgetRemoval(db, removal.id)
  }
}

/** Removes a folder; returns false while a published index may still name its files. */
async function remove(backend: Backend, removal: Removal): Promise<boolean> {
  const { db, store } = backend
  const path = removalPath(removal.path)
  const [ownername = '', dirname = '', chroot, result_dir] = path.split('/')
  const living = await livingDir(db, { ownername, dirname })
  if (living && chroot !== undefined && chroot !== 'srpm-builds') {
    const repositories = await repositoriesOfDir(db, living.project_dir_id, chroot)
    // The new index is published first, because an index must never name files that no longer exist.
    if (result_dir !== undefined && repositories.some(({ is_published }) => !is_published))
      return false
    if (result_dir === undefined && repositories.some(({ is_enabled }) => is_enabled))
      return await removeOthers(backend, path, living.project_dir_id)
  }
  if (living && chroot === undefined)
    return await removeOthers(backend, path, living.project_dir_id)
  await store.remove(path)
  if (living) return true
  // Removing takes a while. A new project that has taken over the path in the meantime may have lost files of its indexes, so these are
  // published again.
  const successor = await livingDir(db, { ownername, dirname })
  if (successor) await republishAll(db, successor.project_dir_id)
  return true
}

/**
 * Handles a path that a new project has taken over (or a chroot that was enabled again) before the old files were removed. Removes only
 * folders of builds that do not belong to the new project, and publishes the new project's indexes again.
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
