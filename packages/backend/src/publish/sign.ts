import type { PublicKeyAnswer } from '@copr/contract/keygen-protocol'
import { digestFor } from '@copr/contract/openpgp-signature'
import { readSignedRegion, writeHeaderSignature } from '@copr/rpm/signature'
import type { Backend } from '../context.ts'
import type { KeyOwner } from './project-key.ts'

/** Digests a request: keygen takes up to 1000. */
const AT_A_TIME = 100

/** Signs packages where they lie. May be repeated: each has exactly one signature in the end. */
export async function signPackages(
  { keygen, now }: Pick<Backend, 'keygen' | 'now'>,
  {
    paths,
    owner,
    key,
    purpose,
  }: { paths: string[]; owner: KeyOwner; key: PublicKeyAnswer; purpose: string },
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
      created_at,
      digests,
    }
    const { signatures } = await keygen.sign(request)
    for (const [at, path] of some.entries())
      await writeHeaderSignature(path, Buffer.from(signatures[at] ?? '', 'base64'), algorithm)
  }
}
