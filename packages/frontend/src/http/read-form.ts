import { formFaults } from '@copr/contract/api/form-fields'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import type { z } from 'zod'

export type Form = Record<string, unknown>

/** Uploads of files do not come this way. */
const MAX_BYTES = 8 * 1024 * 1024

/** The fields of a request, whatever its encoding; what is null was not sent. */
export async function readForm(c: Context): Promise<Form> {
  const body = await readBody(c.req.raw)
  if (body.length === 0) return {}
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (type === 'application/x-www-form-urlencoded')
    return formOf([...new URLSearchParams(body.toString('utf8'))])
  if (type === 'multipart/form-data') return await formOfData(await multipartData(c, body))
  return jsonForm(body.toString('utf8'))
}

export interface UploadedFile {
  name: string
  text: string
}

/** The fields, and the small file in one part of a multipart body if there is one. */
export async function readFormWithFile(
  c: Context,
  part: string,
): Promise<{ form: Form; file: UploadedFile | undefined }> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== 'multipart/form-data') return { form: await readForm(c), file: undefined }
  const data = await multipartData(c, await readBody(c.req.raw))
  const value = data.get(part)
  // What a browser sends for a field where nothing was chosen is a file without a name.
  const file =
    value instanceof File && (value.name !== '' || value.size > 0)
      ? { name: value.name, text: await value.text() }
      : undefined
  return { form: await formOfData(data), file }
}

/** Validates, and says what is wrong in lines of `field: message`. */
export function parseForm<Schema extends z.ZodType>(schema: Schema, form: Form): z.output<Schema> {
  const parsed = schema.safeParse(form)
  if (!parsed.success) throw new CoprError('invalid', formFaults(parsed.error))
  return parsed.data
}

export function jsonForm(text: string): Form {
  const value = jsonOf(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CoprError('invalid', 'Cannot read the request: the body is not a JSON object')
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null))
}

/** A key that comes several times is a list. */
export function formOf(entries: [string, string][]): Form {
  const form: Form = Object.create(null)
  for (const [key, value] of entries) {
    if (`${key}${value}`.includes('\0'))
      throw new CoprError('invalid', 'Cannot read the request: the body contains a NUL character')
    const before = form[key]
    if (before === undefined) form[key] = value
    else form[key] = Array.isArray(before) ? [...before, value] : [before, value]
  }
  return form
}

/** What a body says that is JSON, without what the database could not keep. */
export function jsonOf(text: string): unknown {
  // PostgreSQL's text has no NUL, in no field.
  if (text.includes('\0') || text.includes(String.raw`\u0000`))
    throw new CoprError('invalid', 'Cannot read the request: the body contains a NUL character')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new CoprError('invalid', 'Cannot read the request: the body is not valid JSON')
  }
  // Half a surrogate pair is no character: PostgreSQL's JSON refuses it too.
  if (/\\u[dD][89a-fA-F]/.test(text) && hasBrokenText(value))
    throw new CoprError('invalid', 'Cannot read the request: the body has broken characters')
  return value
}

function hasBrokenText(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed()
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, each]) => !key.isWellFormed() || hasBrokenText(each))
}

async function multipartData(c: Context, body: Buffer): Promise<FormData> {
  const headers = { 'content-type': c.req.header('content-type') ?? '' }
  return await new Response(new Uint8Array(body), { headers }).formData().catch(() => {
    throw new CoprError('invalid', 'Cannot read the request: the body is not valid multipart data')
  })
}

async function formOfData(data: FormData): Promise<Form> {
  const json = data.get('json')
  if (json !== null) return jsonForm(typeof json === 'string' ? json : await json.text())
  return formOf(
    [...data].flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  )
}

/** All of a body that is not a file, within limits. */
export async function readBody(request: Request): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > MAX_BYTES)
      throw new CoprError(
        'too_large',
        `Cannot read the request: it is longer than ${MAX_BYTES} bytes`,
      )
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
