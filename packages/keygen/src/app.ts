import { MakeKeyRequest, SignRequest } from '@copr/contract/keygen-protocol'
import { OwnerName, ProjectName } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import { answerError, requireBearer } from '@copr/process/http-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { sql } from 'kysely'
import { z } from 'zod'
import { isDatabaseAway } from './key-table.ts'
import { makeKey, publicKeyAnswer, requireKey, signDigests } from './project-keys.ts'
import type { Vault } from './vault.ts'

/** A thousand digests are 50 kB. */
const MAX_BODY_BYTES = 256 * 1024
const KeyPath = z.object({ owner: OwnerName, project: ProjectName })

/** The protocol of `@copr/contract/keygen-protocol`. */
export function makeKeygenApp(vault: Vault, secret: string): Hono {
  const app = new Hono()
  const answer = answerError(vault.log)
  app.onError((error, c) => answer(isDatabaseAway(error) ? databaseAway(error) : error, c))
  app.notFound((c) => c.json({ error: `Cannot find ${c.req.method} ${c.req.path}` }, 404))

  app.get('/health', async (c) => {
    await sql`select 1`.execute(vault.db)
    return c.json({ ok: true })
  })

  app.use(requireBearer(secret), bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }))

  app.post('/keys', async (c) => {
    const { owner, project, algorithm } = accept(MakeKeyRequest, await readJson(c))
    return c.json(publicKeyAnswer(await makeKey(vault, owner, project, algorithm)))
  })

  app.get('/keys/:owner/:project', async (c) => {
    const { owner, project } = accept(KeyPath, c.req.param())
    return c.json(publicKeyAnswer(await requireKey(vault, owner, project)))
  })

  app.post('/sign', async (c) =>
    c.json(await signDigests(vault, accept(SignRequest, await readJson(c)))),
  )

  return app
}

async function readJson(c: Context): Promise<unknown> {
  try {
    return await c.req.json()
  } catch (cause) {
    if (cause instanceof CoprError) throw cause
    throw new CoprError('invalid', 'Cannot read the request: it is not JSON', { cause })
  }
}

function accept<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '))
  throw new CoprError('invalid', `Cannot accept the request: ${faults.slice(0, 5).join('; ')}`)
}

function tooLarge(c: Context): never {
  // The rest of the body stays unread, so that the connection is of no use to a next request.
  c.header('connection', 'close')
  throw new CoprError(
    'too_large',
    `Cannot accept the request: it has more than ${MAX_BODY_BYTES} bytes`,
  )
}

function databaseAway(cause: Error): CoprError {
  return new CoprError('unavailable', 'Cannot reach the key table: try again later', { cause })
}
