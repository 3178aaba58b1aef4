import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

interface ReceivedMail {
  from: string
  to: string[]
  /** Headers and text, exactly as sent. */
  content: string
}

/** A mail server that records the mail it receives. */
export interface SmtpSink extends AsyncDisposable {
  readonly url: string
  readonly mails: ReceivedMail[]
  /** Returns the reply to a recipient: 250 accepts, 450 refuses temporarily, 550 permanently. */
  answerTo: (address: string) => 250 | 450 | 550
}

export async function smtpSink(): Promise<SmtpSink> {
  const sockets = new Set<Socket>()
  const sink = { mails: [] as ReceivedMail[], answerTo: (): 250 | 450 | 550 => 250 }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    void talk(socket, sink)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return Object.assign(sink, {
    url: `smtp://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  })
}

async function talk(socket: Socket, sink: Pick<SmtpSink, 'mails' | 'answerTo'>): Promise<void> {
  const say = (text: string): boolean => socket.write(`${text}\r\n`)
  say('220 sink')
  let mail: ReceivedMail = { from: '', to: [], content: '' }
  let content: string[] | undefined
  for await (const line of linesOf(socket)) {
    if (content) {
      if (line !== '.') {
        content.push(line.replace(/^\./, ''))
        continue
      }
      sink.mails.push({ ...mail, content: content.join('\n') })
      content = undefined
      say('250 kept')
      continue
    }
    const [, verb = '', address = ''] = /^(\w+)[^<]*<?([^>]*)>?/.exec(line) ?? []
    switch (verb.toUpperCase()) {
      case 'MAIL':
        mail = { from: address, to: [], content: '' }
        say('250 ok')
        break
      case 'RCPT': {
        const code = sink.answerTo(address)
        if (code === 250) mail.to.push(address)
        say(`${code} ${address}`)
        break
      }
      case 'DATA':
        content = []
        say('354 go on')
        break
      case 'QUIT':
        say('221 bye')
        socket.end()
        break
      default:
        say('250 ok')
    }
  }
}

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of socket) {
      const lines = `${rest}${String(chunk)}`.split('\r\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch {
    // The client closed the connection.
  }
}
