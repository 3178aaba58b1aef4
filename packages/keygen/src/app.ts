import {
  MakeKeyRequest,
  OpenRequest,
  RotateRequest,
  SealRequest,
  SignRequest,
} from '@copr/contract/keygen-protocol'
import { OwnerName, ProjectName } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import { answerError } from '@copr/process/http-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { sql } from 'kysely'
import { z } from 'zod'
import { type Identify, type KeygenEnv, requireCaller, requireRight } from './callers/caller.ts'
import { isDatabaseAway, keysChangedSince } from './key-table.ts'
import { makeKey, publicKeyAnswer, requireKey, rotateKey } from './project-keys.ts'
import { openSecret, sealSecret } from './project-secrets.ts'
import { type Signing, signDigests } from './signatures/sign-digests.ts'
import { checkSignatureLog, listSignatures } from './signatures/signature-log.ts'

/** A request may have a thousand digests, which take 50 kB, and a thousand names, which take 300 kB at their maximum length. */
const MAX_BODY_BYTES = 512 * 1024
const KeyPath = z.object({ owner: OwnerName, project: ProjectName })
const Since = z.object({ changed_since: z.coerce.number().int().nonnegative() })
const LogQuery = KeyPath.partial()

/** Serves the protocol of `@copr/contract/keygen-protocol`. */
export function makeKeygenApp(signing: Signing, authenticators: Identify[]): Hono<KeygenEnv> {
  const { keygen } = signing
  const app = new Hono<KeygenEnv>()
  const answer = answerError(keygen.log)
  app.onError((error, c) => answer(isDatabaseAway(error) ? databaseAway(error) : error, c))
  app.notFound((c) => c.json({ error: `Cannot find ${c.req.method} ${c.req.path}` }, 404))
  app.get('/health', async (c) => {
    await sql`select 1`.execute(keygen.db)
    return c.json({ ok: true })
  })

  app.use(requireCaller(authenticators), bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }))
  app.post('/keys', async (c) => {
    requireRight(c, 'make')
    const { owner, project, algorithm } = accept(MakeKeyRequest, await readJson(c))
    return c.json(publicKeyAnswer(await makeKey(keygen, owner, project, algorithm)))
  })
  app.get('/keys', async (c) => {
    const { changed_since } = accept(Since, c.req.query())
    return c.json({ keys: await keysChangedSince(keygen.db, new Date(changed_since * 1000)) })
  })
  app.get('/keys/:owner/:project', async (c) => {
    const { owner, project } = accept(KeyPath, c.req.param())
    return c.json(publicKeyAnswer(await requireKey(keygen, owner, project)))
  })
  app.post('/keys/:owner/:project/rotate', async (c) => {
    const { name: by } = requireRight(c, 'administer')
    const { owner, project } = accept(KeyPath, c.req.param())
    const { fingerprint } = accept(RotateRequest, await readJson(c))
    return c.json(publicKeyAnswer(await rotateKey(keygen, { owner, project, fingerprint, by })))
  })
  app.post('/sign', async (c) => {
    const caller = requireRight(c, 'sign')
    return c.json(await signDigests(signing, caller, accept(SignRequest, await readJson(c))))
  })
  app.post('/secrets/seal', async (c) => {
    requireRight(c, 'seal')
    return c.json({ sealed: sealSecret(keygen, accept(SealRequest, await readJson(c))) })
  })
  app.post('/secrets/open', async (c) => {
    const { rights } = c.get('caller')
    if (!rights.includes('open')) requireRight(c, 'seal')
    const request = accept(OpenRequest, await readJson(c))
    requireRight(c, request.purpose === 'webhook' ? 'seal' : 'open')
    return c.json({ secret: openSecret(keygen, request) })
  })
  app.get('/signatures', async (c) => {
    requireRight(c, 'administer')
    return c.json({ entries: await listSignatures(keygen.db, accept(LogQuery, c.req.query())) })
  })
  app.post('/signatures/check', async (c) => {
    requireRight(c, 'administer')
    return c.json(await checkSignatureLog(keygen.db))
  })
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
  // The rest of the body stays unread, so the connection cannot be reused for another request.
  c.header('connection', 'close')
  throw new CoprError(
    'too_large',
    `Cannot accept the request: it has more than ${MAX_BODY_BYTES} bytes`,
  )
}

function databaseAway(cause: Error): CoprError {
  return new CoprError('unavailable', 'Cannot reach the key table: try again later', { cause })
}
