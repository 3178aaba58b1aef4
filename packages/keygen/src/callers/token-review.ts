import { CoprError } from '@copr/process/errors'
import { z } from 'zod'
import type { AskCluster } from './cluster-api.ts'

/** The pod and service account that a token was issued to. */
export interface Reviewed {
  namespace: string
  account: string
  pod: string
}

const Review = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    audiences: z.array(z.string()).optional(),
  }),
})

/** Asks the API server whether a token is valid. If it is, the pod to which it was issued still exists. */
export async function reviewToken(
  ask: AskCluster,
  token: string,
  audience: string,
): Promise<'good' | 'refused' | 'forbidden'> {
  const { status, body } = await ask('/apis/authentication.k8s.io/v1/tokenreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [audience] },
  })
  if (status === 403) return 'forbidden'
  const review = Review.safeParse(body)
  if ((status !== 200 && status !== 201) || !review.success)
    throw new CoprError('unavailable', `Cannot check the token: the API server returns ${status}`)
  const { authenticated, audiences = [] } = review.data.status
  // A server without support for audiences omits them, and its verdict does not count.
  return authenticated === true && audiences.includes(audience) ? 'good' : 'refused'
}
