import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface CgiRequest {
  command: string
  args: string[]
  /** The program's whole environment, including the CGI variables. */
  env: Record<string, string>
  body: ReadableStream | null
  /** Aborts when the client disconnects, which terminates the program. */
  signal: AbortSignal
  /** Called with the text that the program writes to stderr. */
  onComplaint: (words: string) => void
}

/** A program that sends more bytes than this before the end of its headers is not a CGI program. */
const MAX_HEADER_BYTES = 64 * 1024

/** Answers a request with a CGI program, streaming request and response. Throws if the program ends before its headers are complete. */
export async function answerByCgi(request: CgiRequest): Promise<Response> {
  const child = spawn(request.command, request.args, { env: request.env, stdio: 'pipe' })
  // Sends SIGTERM and not SIGKILL, because git's signal handler also terminates the processes that git has started.
  const end = (): void => void child.kill('SIGTERM')
  request.signal.addEventListener('abort', end, { once: true })
  const closed = once(child, 'close').finally(() =>
    request.signal.removeEventListener('abort', end),
  )
  closed.catch(() => undefined)
  if (request.signal.aborted) end()
  child.stderr.setEncoding('utf8').on('data', (words: string) => request.onComplaint(words.trim()))
  feed(request.body, child.stdin)

  const output = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const head = await readHead(output)
  if (head === undefined) {
    end()
    await closed
    if (request.signal.aborted) return new Response(null, { status: 499 }) // the client has disconnected
    throw new Error(`Cannot use the output of ${request.command}: its headers have no end`)
  }
  const { status, headers } = parseHead(head.text)
  const body = Readable.toWeb(Readable.from(rest(head.body, output, end))) as ReadableStream
  return new Response(body, { status, headers })
}

/** Sends the body to the program. The program may close its stdin early, which is not an error. */
function feed(body: ReadableStream | null, stdin: NodeJS.WritableStream): void {
  const source = body === null ? Readable.from([]) : Readable.fromWeb(body as never)
  pipeline(source, stdin).catch(() => undefined)
}

async function readHead(
  output: AsyncIterator<Buffer>,
): Promise<{ text: string; body: Buffer } | undefined> {
  let bytes: Buffer = Buffer.alloc(0)
  while (bytes.length < MAX_HEADER_BYTES) {
    const { value, done } = await output.next()
    if (done) return undefined
    bytes = Buffer.concat([bytes, value])
    const end = /\r?\n\r?\n/.exec(bytes.toString('latin1'))
    if (end)
      return {
        text: bytes.toString('latin1', 0, end.index),
        body: bytes.subarray(end.index + end[0].length),
      }
  }
  return undefined
}

function parseHead(text: string): { status: number; headers: Headers } {
  const headers = new Headers()
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  const status = Number.parseInt(headers.get('status') ?? '200', 10)
  headers.delete('status')
  return { status, headers }
}

/** Yields the body, and terminates the program afterwards, even if the reader stops early. */
async function* rest(first: Buffer, output: AsyncIterator<Buffer>, end: () => void) {
  try {
    if (first.length > 0) yield first
    for (let part = await output.next(); !part.done; part = await output.next()) yield part.value
  } finally {
    end()
  }
}
