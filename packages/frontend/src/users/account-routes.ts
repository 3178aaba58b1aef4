import { AuthCheckAnswer, TokenAnswer } from '@copr/contract/api/accounts'
import { CoprError } from '@copr/process/errors'
import { z } from 'zod'
import { issueToken } from '@copr/domain/users/api-tokens'
import { type Api, answer, open, protectedBy } from '../http/answer.ts'
import { sessionUser } from '../http/authenticate.ts'

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
        summary: 'Replace my classic token with a new one',
        access: 'account',
        scope: 'admin',
        answer: TokenAnswer,
      },
      async (c, user) => {
        const days = config.limits.token_days
        const { login, token, expires_on } = await issueToken(db, user.id, {
          now: now(),
          days,
          actor: user,
        })
        return c.json({ api_login: login, api_token: token, expiration: expires_on })
      },
    ),
  })

  // Without a token, copr-cli tries this first. The error explains the alternative to Kerberos.
  answer(api, '/gssapi_login', {
    GET: open(
      {
        summary: 'Log in with Kerberos. Not supported: the error names the alternative',
        answer: AuthCheckAnswer,
      },
      async (c) => {
        const user = await sessionUser(c, frontend)
        if (user) return c.json({ id: user.id, name: user.username })
        throw new CoprError(
          'forbidden',
          `This site has no Kerberos login: get a token at ${config.public_url}/api and save it as ~/.config/copr`,
        )
      },
    ),
  })
  answer(api, '/gssapi_login/web-ui', {
    GET: open(
      {
        summary: 'Log in with Kerberos in a browser; redirects to the login page',
        answer: z.null(),
      },
      (c) => c.redirect(`/login?next=${encodeURIComponent(c.req.query('next') ?? '/')}`, 302),
    ),
  })
}
