import { MIMEType } from 'node:util'
import { formFaults } from '@copr/contract/api/form-fields'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import type { z } from 'zod'
import { urlEncodedFields } from './url-encoded.ts'
import { requireFewFields, requireSmallJson } from './body-limits.ts'

export type Form = Record<string, unknown>

/** Limit for most forms: parsing this many bytes blocks the event loop for about 10 ms. Uploaded SRPMs do not count toward it. */
export const MAX_FORM_BYTES = 1024 * 1024
/**
 * Limit for webhooks, whose body is read before they are authenticated. GitHub sends at most 25 MB, and far less for pushes and releases.
 */
export const MAX_WEBHOOK_BYTES = 8 * 1024 * 1024
/** Limit for forms that are read before the sender is authenticated. */
export const SMALL_FORM_BYTES = 64 * 1024

/** Reads the fields of a request in any supported encoding; null fields are left out, as if they were not sent. */
export async function readForm(c: Context, { max_bytes = MAX_FORM_BYTES } = {}): Promise<Form> {
  const body = await readBody(c.req.raw, max_bytes)
  if (body.length === 0) return {}
  const type = mediaTypeOf(c)
  if (type === 'application/x-www-form-urlencoded') {
    requireFewFields(body, '&', 1)
    return formOf(urlEncodedFields(body))
  }
  if (type === 'multipart/form-data') return await formOfData(await multipartData(c, body))
  // Other types are refused: a page of any site can have the browser send text/plain without a CORS preflight.
  if (type !== '' && !/^application\/([\w.-]+\+)?json$/.test(type))
    throw new CoprError(
      'invalid',
      `Cannot read the request: send JSON or a form, not ${type.slice(0, 100)}`,
    )
  return jsonForm(body.toString('utf8'))
}

function mediaTypeOf(c: Context): string {
  return c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
}

export interface UploadedFile {
  name: string
  text: string
}

/** Reads the fields of a request and, from a multipart body, the small file in the part named `part`, if there is one. */
export async function readFormWithFile(
  c: Context,
  part: string,
  max_file_bytes: number,
): Promise<{ form: Form; file: UploadedFile | undefined }> {
  if (mediaTypeOf(c) !== 'multipart/form-data') return { form: await readForm(c), file: undefined }
  const data = await multipartData(c, await readBody(c.req.raw, MAX_FORM_BYTES + max_file_bytes))
  const value = data.get(part)
  // If no file was selected, a browser sends an empty file without a name.
  const file =
    value instanceof File && (value.name !== '' || value.size > 0)
      ? { name: value.name, text: await value.text() }
      : undefined
  return { form: await formOfData(data), file }
}

/** Validates a form. The error has one line for each invalid field: `field: message`. */
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

/** Builds a form from entries; a key that occurs several times gets a list of values. */
export function formOf(entries: [string, string][]): Form {
  const form: Form = Object.create(null)
  for (const [key, value] of entries) {
    if (`${key}${value}`.includes('\0'))
      throw new CoprError('invalid', 'Cannot read the request: the body contains a NUL character')
    const before = form[key]
    if (before === undefined) form[key] = value
    else if (Array.isArray(before)) before.push(value)
    else form[key] = [before, value]
  }
  return form
}

/** Parses a JSON body. Rejects NUL characters and lone surrogates, which PostgreSQL cannot store. */
export function jsonOf(text: string): unknown {
  // PostgreSQL's text cannot contain NUL, so NUL is refused in every field.
  if (text.includes('\0') || text.includes(String.raw`\u0000`))
    throw new CoprError('invalid', 'Cannot read the request: the body contains a NUL character')
  requireSmallJson(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new CoprError('invalid', 'Cannot read the request: the body is not valid JSON')
  }
  // A lone surrogate is not a character; PostgreSQL's JSON type refuses it, too.
  if (/\\u[dD][89a-fA-F]/.test(text) && hasBrokenText(value))
    throw new CoprError('invalid', 'Cannot read the request: the body is not valid Unicode')
  return value
}

function hasBrokenText(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed()
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, each]) => !key.isWellFormed() || hasBrokenText(each))
}

async function multipartData(c: Context, body: Buffer): Promise<FormData> {
  const type = c.req.header('content-type') ?? ''
  const boundary = boundaryOf(type)
  if (boundary === '') throw invalidMultipart()
  // The fields are counted before any part is parsed. The last boundary ends the body and begins no part.
  requireFewFields(body, `--${boundary}`, -1)
  const headers = { 'content-type': type }
  return await new Response(new Uint8Array(body), { headers }).formData().catch(() => {
    throw invalidMultipart()
  })
}

function boundaryOf(type: string): string {
  try {
    return new MIMEType(type).params.get('boundary') ?? ''
  } catch {
    return ''
  }
}

function invalidMultipart(): CoprError {
  return new CoprError('invalid', 'Cannot read the request: the body is not valid multipart data')
}

async function formOfData(data: FormData): Promise<Form> {
  const json = data.get('json')
  if (json !== null) return jsonForm(typeof json === 'string' ? json : await json.text())
  return formOf(
    [...data].flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  )
}

/** Reads a body of up to `max_bytes` into memory. If Content-Length is larger, the body is refused before any of it is read. */
export async function readBody(request: Request, max_bytes: number): Promise<Buffer> {
  if (Number(request.headers.get('content-length')) > max_bytes) throw tooLong(max_bytes)
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.length
      if (size > max_bytes) throw tooLong(max_bytes)
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof CoprError) throw cause
    // The client disconnected or was too slow; this is not an error of the server and is not logged.
    throw new CoprError('invalid', 'Cannot read the request: its body is incomplete', { cause })
  }
  return Buffer.concat(chunks)
}

function tooLong(max_bytes: number): CoprError {
  return new CoprError('too_large', `Cannot read the request: it is longer than ${max_bytes} bytes`)
}
