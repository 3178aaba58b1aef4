import { audit } from '@copr/domain/audit/audit'
import type { Db } from '@copr/domain/database/open'
import { storePublicKey } from '@copr/domain/projects/project-keys'
import type { Project } from '@copr/domain/projects/project-queries'
import type { Actor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import type { KeygenClient } from '@copr/keygen-client/keygen-client'

/**
 * Makes keygen rotate the project's key, and stores the new public key. If the process is killed in between, the backend discovers the new
 * key by itself, and the command can be run again. Returns both fingerprints.
 */
export async function rotateProjectKey(
  db: Db,
  keygen: Pick<KeygenClient, 'publicKey' | 'rotateKey'>,
  project: Pick<Project, 'id' | 'ownername' | 'name'>,
  { actor, now }: { actor: Actor; now: Date },
): Promise<{ from: string; to: string }> {
  const { id, ownername, name } = project
  const before = await keygen.publicKey(ownername, name)
  if (!before)
    throw new CoprError('not_found', `Cannot rotate the key of ${ownername}/${name}: it has none`)
  const after = await keygen.rotateKey(ownername, name, before.fingerprint)
  await storePublicKey(db, id, after)
  const [from, to] = [before.fingerprint, after.fingerprint]
  const change = { action: 'project.rotate_key', project_id: id, subject: `${ownername}/${name}` }
  await audit(db, actor, { ...change, details: { from, to } }, now)
  return { from, to }
}
