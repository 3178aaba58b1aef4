import { z } from 'zod'

export const AuthCheckAnswer = z.strictObject({ id: z.number().int(), name: z.string() })

export const TokenAnswer = z.strictObject({
  api_login: z.string(),
  /** Shown once. */
  api_token: z.string(),
  /** The last day on which it works: YYYY-MM-DD. */
  expiration: z.iso.date(),
})
