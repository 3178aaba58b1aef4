import type { PublicKeyAnswer } from '@copr/contract/keygen-protocol'
import { digestFor } from '@copr/contract/openpgp-signature'
import { issueBuildTicket } from '@copr/domain/signing/tickets'
import { signWithTicket } from '@copr/process/signing'
import { readSignedRegion, writeHeaderSignature } from '@copr/rpm/signature'
import { basename } from 'node:path'
import type { Backend } from '../context.ts'
import type { KeyOwner } from './project-key.ts'

/** Digests a request: keygen takes up to 1000. */
const AT_A_TIME = 100

export interface PackagesToSign {
  paths: string[]
  owner: KeyOwner
  key: PublicKeyAnswer
  purpose: string
  /** Of the publish task: who has it gets the tickets for signatures. */
  lease: string
}

/** Signs packages where they lie. May be repeated: each has exactly one signature in the end. */
export async function signPackages(
  { db, keygen, now }: Pick<Backend, 'db' | 'keygen' | 'now'>,
  { paths, owner, key, purpose, lease }: PackagesToSign,
): Promise<void> {
  const algorithm = key.algorithm === 'ed25519' ? 'eddsa' : 'rsa'
  for (let i = 0; i < paths.length; i += AT_A_TIME) {
    const some = paths.slice(i, i + AT_A_TIME)
    const created_at = Math.floor(now().getTime() / 1000)
    const facts = { algorithm: key.algorithm, fingerprint: key.fingerprint, created_at }
    const digests: string[] = []
    // One header at a time in memory: each may be some 60 MB.
    for (const path of some)
      digests.push(digestFor(await readSignedRegion(path), facts).toString('base64'))
    const request = {
      owner: owner.ownername,
      project: owner.projectname,
      purpose,
      names: some.map((path) => basename(path)),
      created_at,
      digests,
      fingerprint: key.fingerprint,
    }
    const { signatures } = await signWithTicket(keygen, request, (wanted) =>
      issueBuildTicket(db, { lease, part: i / AT_A_TIME, digests: wanted }),
    )
    for (const [at, path] of some.entries())
      await writeHeaderSignature(path, Buffer.from(signatures[at] ?? '', 'base64'), algorithm)
  }
}
