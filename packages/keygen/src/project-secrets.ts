import type { OpenRequest, SealRequest } from '@copr/contract/keygen-protocol'
import { CoprError } from '@copr/process/errors'
import type { KeygenContext } from './keygen-context.ts'

type Sealing = Pick<KeygenContext, 'sealer'>

/** Seals a secret of a project and returns it in base64; the caller stores it. */
export function sealSecret({ sealer }: Sealing, request: SealRequest): string {
  return sealer.seal(contextOf(request), Buffer.from(request.secret)).toString('base64')
}

/** Opens a secret that `sealSecret()` sealed for the same purpose and context. */
export function openSecret({ sealer }: Sealing, request: OpenRequest): string {
  try {
    return sealer.unseal(contextOf(request), Buffer.from(request.sealed, 'base64')).toString()
  } catch (cause) {
    throw new CoprError(
      'invalid',
      `Cannot open the ${request.purpose} secret: it was sealed for another use or with a data key that is lost; set it again`,
      { cause },
    )
  }
}

function contextOf({ purpose, context }: Pick<SealRequest, 'purpose' | 'context'>): string {
  return `${purpose} secret of ${context}`
}
