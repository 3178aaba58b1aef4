import type { PublicKeyAnswer, SignAnswer, SignRequest } from '@copr/contract/keygen-protocol'
import { armor, digestFor } from '@copr/contract/openpgp-signature'
import { CoprError } from '@copr/process/errors'
import type { KeygenClient } from './keygen-client.ts'

/** Issues a ticket for exactly these digests. */
export type IssueTicket = (digests: string[]) => Promise<string>

/** Signs digests with a ticket; if keygen is unavailable, retries once with another ticket. */
export async function signWithTicket(
  client: Pick<KeygenClient, 'sign'>,
  request: Omit<SignRequest, 'ticket'>,
  issue: IssueTicket,
): Promise<SignAnswer> {
  const once = async (): Promise<SignAnswer> =>
    await client.sign({ ...request, ticket: await issue(request.digests) })
  try {
    return await once()
  } catch (error) {
    // The server may have closed a keep-alive connection just as it was reused.
    if (error instanceof CoprError && error.kind === 'unavailable') return await once()
    throw error
  }
}

export interface DetachedRequest {
  owner: string
  project: string
  purpose: string
  data: Uint8Array
  public: Pick<PublicKeyAnswer, 'algorithm' | 'fingerprint'>
  now: Date
}

/** Returns an ASCII-armored detached signature over `data`, the format of `repomd.xml.asc`. */
export async function signDetached(
  client: Pick<KeygenClient, 'sign'>,
  request: DetachedRequest,
  issue: IssueTicket,
): Promise<string> {
  const { owner, project, purpose, data, now } = request
  const { algorithm, fingerprint } = request.public
  const created_at = Math.floor(now.getTime() / 1000)
  const digests = [digestFor(data, { algorithm, fingerprint, created_at }).toString('base64')]
  const wanted = { owner, project, purpose, created_at, digests, fingerprint }
  const { signatures } = await signWithTicket(client, wanted, issue)
  return armor('SIGNATURE', Buffer.from(signatures[0] ?? '', 'base64'))
}
