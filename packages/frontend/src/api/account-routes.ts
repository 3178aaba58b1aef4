import { AuthCheckAnswer, TokenAnswer } from '@copr/contract/api/accounts'
import { z } from 'zod'
import { issueToken } from '@copr/domain/users/api-tokens'
import { type Api, answer, open, protectedBy } from '../http/answer.ts'

export function accountRoutes(api: Api): void {
  const { frontend } = api
  const { db, config, now } = frontend

  answer(api, '/', {
    GET: open(
      { summary: 'The version of the API', answer: z.strictObject({ version: z.literal(3) }) },
      (c) => c.json({ version: 3 }),
    ),
  })

  answer(api, '/auth-check', {
    GET: protectedBy(
      { summary: 'Who am I?', access: 'user', scope: 'read', answer: AuthCheckAnswer },
      async (c, user) => {
        return c.json({ id: user.id, name: user.username })
      },
    ),
  })

  answer(api, '/api-token', {
    POST: protectedBy(
      {
        summary: 'Replace my classic token by a new one',
        access: 'user',
        scope: 'admin',
        answer: TokenAnswer,
      },
      async (c, user) => {
        const days = config.limits.token_days
        const { login, token, expires_on } = await issueToken(db, user.id, { now: now(), days })
        return c.json({ api_login: login, api_token: token, expiration: expires_on })
      },
    ),
  })
}
