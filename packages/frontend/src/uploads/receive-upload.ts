import { CoprError } from '@copr/process/errors'
import { formatBytes } from '@copr/process/format-bytes'
import busboy from 'busboy'
import type { Context } from 'hono'
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { MAX_FIELDS, tooManyFields } from '../http/body-limits.ts'
import { type Form, formOf, jsonForm, MAX_FORM_BYTES } from '../http/read-form.ts'

export interface ReceivedFile {
  /** The file name that the client sent, validated to be a plain file name. */
  name: string
  path: string
}

/** A form whose file was written to disk. Disposing the upload deletes the file unless `keep()` was called. */
export interface Upload extends AsyncDisposable {
  form: Form
  file: ReceivedFile | undefined
  /** The name of the file's folder within the uploads folder. */
  dir: string
  keep(): void
}

interface Options {
  uploads_dir: string
  max_bytes: number
  /** The form field with the file. */
  field: string
}

/** Streams a multipart body: the fields to memory, up to a size limit, and one file to disk. */
export async function receiveUpload(c: Context, options: Options): Promise<Upload> {
  const dir = randomUUID()
  const folder = join(options.uploads_dir, dir)
  let kept = false
  const remove = async (): Promise<void> => {
    if (!kept) return await rm(folder, { recursive: true, force: true })
    // If the file was moved elsewhere, the folder is empty and can be removed.
    await rmdir(folder).catch(() => undefined)
  }
  try {
    await mkdir(folder, { recursive: true })
    const { form, file } = await receive(c, folder, options)
    return {
      form,
      file,
      dir,
      keep: () => {
        kept = true
      },
      [Symbol.asyncDispose]: remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function receive(
  c: Context,
  folder: string,
  { max_bytes, field }: Options,
): Promise<Pick<Upload, 'form' | 'file'>> {
  const parser = parserOf(c, max_bytes)
  const entries: [string, string][] = []
  let json: string | undefined
  let file: ReceivedFile | undefined
  const writes: Promise<void>[] = []
  const keepWrite = (write: Promise<void>): void => {
    // Rejections are handled after the whole body has been received; until then, they must not count as unhandled.
    write.catch(() => undefined)
    writes.push(write)
  }
  const keepAll = (stream: Readable): void => void stream.resume()

  let fieldBytes = 0
  const countField = (bytes: number): void => {
    fieldBytes += bytes
    if (fieldBytes > MAX_FORM_BYTES)
      throw new CoprError(
        'too_large',
        `Cannot read the request: its fields are longer than ${MAX_FORM_BYTES} bytes`,
      )
  }

  parser.on('field', (name, value) => {
    try {
      countField(Buffer.byteLength(value))
    } catch (error) {
      keepWrite(Promise.reject(error as Error))
      return
    }
    if (name === 'json') json = value
    else entries.push([name, value])
  })
  // Without this, fields beyond the limits would be dropped silently, and the build would differ from the request.
  for (const limit of ['fieldsLimit', 'filesLimit', 'partsLimit'] as const)
    parser.on(limit, () => keepWrite(Promise.reject(tooManyFields())))
  parser.on('file', (name, stream, { filename }) => {
    // Clients may send the fields as a file named `json`.
    if (name === 'json') {
      keepWrite(textOf(stream, countField).then((text) => void (json = text)))
      return
    }
    if (name !== field || file !== undefined || !filename) {
      keepAll(stream)
      return
    }
    try {
      file = { name: filename, path: join(folder, checkedName(filename)) }
    } catch (error) {
      keepAll(stream)
      keepWrite(Promise.reject(error as Error))
      return
    }
    keepWrite(store(stream, file, max_bytes))
  })

  // After an error in one part, the rest of the body must still be read, because the client would otherwise not receive the response.
  let fault: unknown
  const settled = pipeline(Readable.fromWeb(bodyOf(c)), parser).catch((error: unknown) => {
    fault = error
  })
  await settled
  const reasons = (await Promise.allSettled(writes)).flatMap((write) =>
    write.status === 'rejected' ? [write.reason as unknown] : [],
  )
  const ours = reasons.find((reason) => reason instanceof CoprError)
  if (ours) throw ours
  // If the client disconnects, the writes fail as well. The error from reading the body is the cause, so it takes precedence.
  if (fault !== undefined) throw unreadable(fault)
  if (reasons.length > 0) throw reasons[0]
  return { form: json === undefined ? formOf(entries) : jsonForm(json), file }
}

/** Writes a file to disk. Throws if it is larger than the limit; the parser has then read and discarded the rest. */
async function store(
  stream: Readable & { truncated?: boolean },
  file: ReceivedFile,
  max_bytes: number,
): Promise<void> {
  await pipeline(stream, createWriteStream(file.path, { flags: 'wx' }))
  if (stream.truncated)
    throw new CoprError(
      'too_large',
      `Cannot build ${file.name}: it is larger than ${formatBytes(max_bytes)}, which is the limit`,
    )
}

function parserOf(c: Context, max_bytes: number): busboy.Busboy {
  try {
    return busboy({
      headers: { 'content-type': c.req.header('content-type') ?? '' },
      defParamCharset: 'utf8',
      // Without this, a name that contains a path would be silently cut to its last segment.
      preservePath: true,
      limits: {
        fileSize: max_bytes,
        files: 4,
        fields: MAX_FIELDS,
        // One byte more than MAX_FORM_BYTES, the limit for all fields together: a field that is truncated here exceeds that limit, so it is
        // refused.
        fieldSize: MAX_FORM_BYTES + 1,
      },
    })
  } catch (cause) {
    throw new CoprError('invalid', 'pkgs: send the file as multipart/form-data', { cause })
  }
}

function bodyOf(c: Context): ReadableStream<Uint8Array> {
  const { body } = c.req.raw
  if (!body) throw new CoprError('invalid', 'pkgs: the request has no body')
  return body as ReadableStream<Uint8Array>
}

async function textOf(stream: Readable, count: (bytes: number) => void): Promise<string> {
  const chunks: Buffer[] = []
  let fault: unknown
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    // The rest must still be read, because the client would otherwise not receive the response.
    if (fault !== undefined) continue
    try {
      count(chunk.length)
      chunks.push(chunk)
    } catch (error) {
      fault = error
      chunks.length = 0
    }
  }
  if (fault !== undefined) throw fault
  return Buffer.concat(chunks).toString('utf8')
}

/** Validates a file name, which becomes part of paths and URLs. */
function checkedName(name: string): string {
  const shown = JSON.stringify(name.slice(0, 100))
  if (/[/\\]/.test(name)) throw new CoprError('invalid', `pkgs: ${shown} is not a plain file name`)
  if (!/^[A-Za-z0-9_+][A-Za-z0-9._+~^-]*$/.test(name) || name.length > 255)
    throw new CoprError(
      'invalid',
      `pkgs: the file name ${shown} may contain only letters, digits and "._+~^-"`,
    )
  return name
}

function unreadable(cause: unknown): CoprError {
  return new CoprError('invalid', 'Cannot read the upload: the body is incomplete', { cause })
}
