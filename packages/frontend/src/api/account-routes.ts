import { issueToken } from '@copr/domain/users/api-tokens'
import { Hono } from 'hono'
import type { Frontend } from '../frontend.ts'
import { answer } from '../http/answer.ts'
import { requireUser } from '../http/authenticate.ts'

export function accountRoutes(frontend: Frontend): Hono {
  const { db, config, now } = frontend
  const app = new Hono({ strict: false })

  answer(app, '/', { GET: (c) => c.json({ version: 3 }) })

  answer(app, '/auth-check', {
    GET: async (c) => {
      const user = await requireUser(c, frontend)
      return c.json({ id: user.id, name: user.username })
    },
  })

  answer(app, '/api-token', {
    POST: async (c) => {
      const user = await requireUser(c, frontend)
      const days = config.limits.token_days
      const { login, token, expires_on } = await issueToken(db, user.id, { now: now(), days })
      return c.json({ api_login: login, api_token: token, expiration: expires_on })
    },
  })
  return app
}
