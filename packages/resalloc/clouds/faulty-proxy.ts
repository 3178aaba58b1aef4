/** A proxy between the SDK and the EC2 server that injects faults. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { type Answer, type Ec2Error, ec2Rules, errorAnswer } from './ec2-rules.ts'

interface Fault {
  /** Name of the EC2 API call, such as `RunInstances`. */
  readonly action: string
  /** With `lose_answer`, the call is executed but its response is lost. With an error, the call is refused with that error. */
  readonly what: 'lose_answer' | Ec2Error
}

export interface FaultyProxy extends AsyncDisposable {
  readonly url: string
  /** How often each call was made. */
  readonly calls: ReadonlyMap<string, number>
  /** Injects the fault into the next call of its action, once. */
  fail(fault: Fault): void
  /** Calls `hear` before each call named `action` is executed, until disposed. */
  onCall(action: string, hear: () => void): Disposable
  /** Console output of machines, by instance ID. Tests write to it. */
  readonly consoles: Map<string, string>
  /** Replaces `from` with `to` in all responses, until the result is disposed. */
  reword(from: string, to: string): Disposable
  /** Until the result is disposed, calls are neither executed nor answered. */
  hang(): Disposable
}

export async function startFaultyProxy(upstream: string): Promise<FaultyProxy> {
  const calls = new Map<string, number>()
  const faults: Fault[] = []
  const words = new Map<string, string>()
  const ears = new Map<string, () => void>()
  let hanging = 0
  const consoles = new Map<string, string>()
  const obey = ec2Rules(upstream, consoles)

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request)
    const form = new URLSearchParams(body)
    const action = form.get('Action') ?? ''
    calls.set(action, (calls.get(action) ?? 0) + 1)
    ears.get(action)?.()
    if (hanging > 0) return
    const at = faults.findIndex((fault) => fault.action === action)
    const what = at < 0 ? undefined : faults.splice(at, 1)[0]?.what
    if (typeof what === 'object') return reply(response, errorAnswer(what))
    const authorization = request.headers.authorization ?? ''
    const answer = await obey(form, authorization)
    if (what === 'lose_answer') request.socket.destroy()
    else reply(response, { ...answer, body: inOtherWords(answer.body, words) })
  }
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot listen')
  return {
    url: `http://127.0.0.1:${address.port}`,
    calls,
    consoles,
    fail: (fault) => void faults.push(fault),
    onCall: (action, hear) => {
      ears.set(action, hear)
      return { [Symbol.dispose]: () => void ears.delete(action) }
    },
    reword: (from, to) => {
      words.set(from, to)
      return { [Symbol.dispose]: () => void words.delete(from) }
    },
    hang: () => {
      hanging++
      return { [Symbol.dispose]: () => void hanging-- }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function inOtherWords(body: string, words: ReadonlyMap<string, string>): string {
  return [...words].reduce((said, [from, to]) => said.replaceAll(from, to), body)
}

function reply(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'text/xml' }).end(body)
}
