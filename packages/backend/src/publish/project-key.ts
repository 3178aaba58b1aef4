import type { KeyAlgorithm, PublicKeyAnswer } from '@copr/contract/keygen-protocol'
import {
  keyChangesSeen,
  noteKeyChangesSeen,
  storePublicKey,
} from '@copr/domain/projects/project-keys'
import { findProject } from '@copr/domain/projects/project-queries'
import type { Backend } from '../context.ts'

export interface KeyOwner {
  project_id: number
  ownername: string
  projectname: string
  key_algorithm: KeyAlgorithm
  public_key: string | null
}

/** The project's key, made if it has none; what the database says of it follows keygen, which prolongs keys. */
export async function projectKey(
  { keygen, db }: Pick<Backend, 'keygen' | 'db'>,
  owner: KeyOwner,
): Promise<PublicKeyAnswer> {
  const { ownername, projectname, key_algorithm: algorithm } = owner
  const key = await keygen.makeKey({ owner: ownername, project: projectname, algorithm })
  if (key.public_key !== owner.public_key) await storePublicKey(db, owner.project_id, key)
  return key
}

/** More than the clocks of keygen and the backend may differ by. */
const OVERLAP_MS = 3600_000

/**
 * Stores the keys that keygen has prolonged or rotated, also of projects in which nothing is built any more. It continues where
 * the last complete pass began, however long ago that is.
 */
export async function followChangedKeys({
  now,
  ...backend
}: Pick<Backend, 'keygen' | 'db' | 'now'>): Promise<void> {
  const began = now()
  const until = await keyChangesSeen(backend.db)
  const since = new Date(Math.max(0, (until?.getTime() ?? 0) - OVERLAP_MS))
  for (const { owner, project } of await backend.keygen.changedKeys(since)) {
    const found = await findProject(backend.db, owner, project)
    if (!found) continue
    const { id: project_id, name: projectname } = found
    await projectKey(backend, { ...found, project_id, projectname })
  }
  await noteKeyChangesSeen(backend.db, began)
}
