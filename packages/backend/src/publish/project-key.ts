import type { KeyAlgorithm, PublicKeyAnswer } from '@copr/contract/keygen-protocol'
import { storePublicKey } from '@copr/domain/projects/project-keys'
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

/** Follows keys that keygen has prolonged or rotated, of projects in which nothing is built any more, too. */
export async function followChangedKeys(
  backend: Pick<Backend, 'keygen' | 'db'>,
  since: Date,
): Promise<void> {
  for (const { owner, project } of await backend.keygen.changedKeys(since)) {
    const found = await findProject(backend.db, owner, project)
    if (!found) continue
    const { id: project_id, name: projectname } = found
    await projectKey(backend, { ...found, project_id, projectname })
  }
}
