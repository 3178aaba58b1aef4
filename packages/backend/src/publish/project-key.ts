import type { KeyAlgorithm, PublicKeyAnswer } from '@copr/contract/keygen-protocol'
import {
  keyChangesSeen,
  noteKeyChangesSeen,
  storePublicKey,
} from '@copr/domain/projects/project-keys'
import { CoprError } from '@copr/process/errors'
import { findProject } from '@copr/domain/projects/project-queries'
import type { Backend } from '../context.ts'

export interface KeyOwner {
  project_id: number
  ownername: string
  projectname: string
  key_algorithm: KeyAlgorithm
  public_key: string | null
  key_fingerprint: string | null
}

/** The fields of a project key that signing and publishing need. */
export type SigningKey = Pick<PublicKeyAnswer, 'algorithm' | 'fingerprint' | 'public_key'>

/**
 * Calls `sign` with the key that the database has for the project. Asks keygen for the key only if there is none yet, or if keygen
 * refuses to sign with it: then the key was rotated, and `sign` is called again with the new one.
 */
export async function withProjectKey<T>(
  backend: Pick<Backend, 'keygen' | 'db'>,
  owner: KeyOwner,
  sign: (key: SigningKey) => Promise<T>,
): Promise<T> {
  const { key_algorithm: algorithm, key_fingerprint: fingerprint, public_key } = owner
  if (fingerprint === null || public_key === null)
    return await sign(await projectKey(backend, owner))
  try {
    return await sign({ algorithm, fingerprint, public_key })
  } catch (error) {
    const isRefused =
      error instanceof CoprError && (error.kind === 'conflict' || error.kind === 'not_found')
    const current = isRefused ? await projectKey(backend, owner) : undefined
    if (!current || current.fingerprint === fingerprint) throw error
    return await sign(current)
  }
}

/** Returns the project's key, which keygen makes if there is none. Updates the copy in the database if keygen has extended the key. */
async function projectKey(
  { keygen, db }: Pick<Backend, 'keygen' | 'db'>,
  owner: KeyOwner,
): Promise<PublicKeyAnswer> {
  const { ownername, projectname, key_algorithm: algorithm } = owner
  const key = await keygen.makeKey({ owner: ownername, project: projectname, algorithm })
  if (key.public_key !== owner.public_key) await storePublicKey(db, owner.project_id, key)
  return key
}

/** How far the passes overlap: more than the clocks of keygen and the backend may differ. */
const OVERLAP_MS = 3600_000

/**
 * Stores the keys that keygen has extended or rotated, including those of projects in which nothing is built any more. Continues
 * from the start of the last complete pass, however long ago that was.
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
