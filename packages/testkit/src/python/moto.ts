import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { until } from '../system/until.ts'
import { pythonVenv } from './venv.ts'

export interface Moto extends AsyncDisposable {
  readonly url: string
}

/** Starts a simulation of EC2 and S3 on this machine; `settings` contains environment variables for it. */
export async function startMoto(settings: Record<string, string> = {}): Promise<Moto> {
  const bin = await pythonVenv('clouds-requirements.txt')
  const port = await freePort()
  const env = { PATH: process.env['PATH'], ...settings }
  const args = ['-H', '127.0.0.1', '-p', String(port)]
  const server = spawn(join(bin, 'moto_server'), args, { env, stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  const close = async (): Promise<void> => await end(server)
  try {
    await until(
      async () => {
        if (server.exitCode !== null) throw new Error(`moto_server ended with ${server.exitCode}`)
        return await fetch(`${url}/moto-api/`).then(
          ({ ok }) => ok,
          () => false,
        )
      },
      { timeout_ms: 60_000, what: 'the server of EC2 and S3' },
    )
  } catch (error) {
    await close()
    throw error
  }
  return { url, [Symbol.asyncDispose]: close }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, 'exit')
  server.kill('SIGKILL')
  await ended
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port')
  return address.port
}
