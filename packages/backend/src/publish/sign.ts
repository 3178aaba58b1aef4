import { digestFor } from '@copr/contract/openpgp-signature'
import { issueBuildTicket } from '@copr/domain/signing/tickets'
import { signWithTicket } from '@copr/keygen-client/signing'
import { readSignedRegion, writeHeaderSignature } from '@copr/rpm/signature'
import type { Backend } from '../context.ts'
import type { StagingKey } from '../store/results-store.ts'
import type { KeyOwner, SigningKey } from './project-key.ts'

/** Number of digests per request; keygen accepts up to 1000. */
const AT_A_TIME = 100

export interface PackagesToSign {
  staged: StagingKey
  /** File names of the staged packages. */
  names: string[]
  owner: KeyOwner
  key: SigningKey
  purpose: string
  /** The lease of the publish task. Only its holder gets signing tickets. */
  lease: string
  /** Throws when the lease is lost: another publisher may have the task now. */
  checkLease: () => Promise<void>
}

/** Signs staged packages. Idempotent: each package ends up with exactly one signature. */
export async function signPackages(
  { db, keygen, store, now }: Pick<Backend, 'db' | 'keygen' | 'store' | 'now'>,
  { staged, names, owner, key, purpose, lease, checkLease }: PackagesToSign,
): Promise<void> {
  const algorithm = key.algorithm === 'ed25519' ? 'eddsa' : 'rsa'
  for (let i = 0; i < names.length; i += AT_A_TIME) {
    const some = names.slice(i, i + AT_A_TIME)
    const created_at = Math.floor(now().getTime() / 1000)
    const facts = { algorithm: key.algorithm, fingerprint: key.fingerprint, created_at }
    const digests: string[] = []
    // Only one header is in memory at a time, because each may take about 60 MB.
    for (const name of some) {
      const region = await store.withStaged(staged, name, readSignedRegion)
      digests.push(digestFor(region, facts).toString('base64'))
    }
    const request = {
      owner: owner.ownername,
      project: owner.projectname,
      purpose,
      names: some,
      created_at,
      digests,
      fingerprint: key.fingerprint,
    }
    const { signatures } = await signWithTicket(keygen, request, (wanted) =>
      issueBuildTicket(db, { lease, part: i / AT_A_TIME, digests: wanted }),
    )
    for (const [at, name] of some.entries()) {
      const packet = Buffer.from(signatures[at] ?? '', 'base64')
      // If the lease is lost, another publisher may already be signing this file again; interleaved writes would corrupt it.
      await checkLease()
      await store.changeHead(staged, name, (path) => writeHeaderSignature(path, packet, algorithm))
    }
  }
}
