import { z } from 'zod'

export const AuthCheckAnswer = z.strictObject({ id: z.number().int(), name: z.string() })

export const TokenAnswer = z.strictObject({
  api_login: z.string(),
  /** The secret token itself, which is returned only once. */
  api_token: z.string(),
  /** The last day on which the token is valid: YYYY-MM-DD. */
  expiration: z.iso.date(),
})
