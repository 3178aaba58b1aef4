import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Rabbitmq } from './rabbitmq.ts'
import { until } from '../system/until.ts'

/** A message as parsed by the Python message classes. */
export interface BusListenerMessage {
  class: string
  topic: string
  id: string
  severity: number
  build: number
  chroot: string
  status: string | null
  project: string
  package: string | null
  submitter: string | null
  users: string[]
  summary: string
  headers: Record<string, unknown>
  delivery_mode: number
  content_type: string
}

/** A Fedora Messaging listener with a durable queue, which keeps messages while the listener is disconnected. */
export interface BusListener extends AsyncDisposable {
  /** All valid messages in the order of arrival, including repetitions. */
  readonly messages: BusListenerMessage[]
  /** Returns the last lines of the listener's log. */
  log(): string
}

export async function startBusListener(
  { python, script, dir }: { python: string; script: string; dir: string },
  { url, ca_file, certificateOf }: Rabbitmq,
  routing_key: string,
): Promise<BusListener> {
  const { certificate_file, key_file } = certificateOf('listener')
  const file = join(dir, 'fedora-messaging.toml')
  const queue = 'copr-test'
  const lines = [
    `amqp_url = "${url}"`,
    '[tls]',
    `ca_cert = "${ca_file}"`,
    `certfile = "${certificate_file}"`,
    `keyfile = "${key_file}"`,
    `[queues.${queue}]`,
    'durable = true',
    'auto_delete = false',
    'exclusive = false',
    'arguments = {}',
    '[[bindings]]',
    `queue = "${queue}"`,
    'exchange = "amq.topic"',
    `routing_keys = ["${routing_key}"]`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', python, script, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: dir },
  })
  const messages: BusListenerMessage[] = []
  let log = ''
  let isReady = false
  child.stderr.on('data', (chunk: Buffer) => (log = `${log}${chunk.toString()}`.slice(-20_000)))
  createInterface(child.stdout).on('line', (line) => {
    const message = JSON.parse(line) as BusListenerMessage | { listening: true }
    if ('listening' in message) isReady = true
    else messages.push(message)
  })
  await until(
    () => {
      if (hasEnded(child)) throw new Error(`The listener ended:\n${log}`)
      return isReady
    },
    { timeout_ms: 60_000, what: 'the listener to start' },
  )
  return {
    messages,
    log: () => log,
    [Symbol.asyncDispose]: async () => {
      if (hasEnded(child)) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
