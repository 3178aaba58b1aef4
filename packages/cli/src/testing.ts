import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Configuration } from '@copr/contract/configuration'
import type { Db } from '@copr/domain/database/open'
import { runKeygen } from '@copr/keygen/keygen'
import { silentLog } from '@copr/process/log'
import { openTestDb } from '@copr/testkit/postgres'
import { parse, stringify } from 'yaml'
import { coprctl } from './coprctl.ts'
import { keygenConfig } from '@copr/server/keygen-config'

interface Said {
  code: number
  out: string
  err: string
}

export interface TestCli extends AsyncDisposable {
  db: Db
  dir: string
  config: string
  /** Runs a command line on the test's database. */
  run(args: string[], stdin?: string): Promise<Said>
  /** Runs a command line with --json, asserts that it succeeds, and returns the parsed output. */
  json<T>(args: string[], stdin?: string): Promise<T>
}

/** Opens a test database and writes a configuration for it, so that commands can be run with that database. */
export async function openTestCli(): Promise<TestCli> {
  const test = await openTestDb()
  const dir = mkdtempSync(join(tmpdir(), 'copr-test-cli-'))
  const config = join(dir, 'copr.yaml')
  writeFileSync(
    config,
    stringify({
      public_url: 'http://copr.example.org',
      listen: {},
      data_dir: dir,
      database_url: test.url,
      keygen: {
        url: 'http://127.0.0.1:1',
        secret: 'secret of the tests',
        master_key_file: join(dir, 'master-key'),
      },
    }),
  )

  async function run(args: string[], stdin = ''): Promise<Said> {
    const said = { out: '', err: '' }
    const code = await coprctl(args, {
      env: { COPR_CONFIG: config },
      stdin: asyncIterableOf(stdin),
      stdout: { write: (text: string) => (said.out += text) },
      stderr: { write: (text: string) => (said.err += text) },
    })
    return { code, ...said }
  }

  return {
    db: test.db,
    dir,
    config,
    run,
    async json<T>(args: string[], stdin?: string) {
      const { code, out, err } = await run([...args, '--json'], stdin)
      if (code !== 0) throw new Error(`coprctl ${args.join(' ')} ended with ${code}: ${err}`)
      return JSON.parse(out) as T
    },
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function* asyncIterableOf(text: string): AsyncGenerator<string> {
  await Promise.resolve()
  yield text
}

/** Starts keygen, and enters its URL into the test's configuration. */
export async function startTestKeygen(t: TestCli): Promise<AsyncDisposable> {
  const stop = new AbortController()
  const port = Promise.withResolvers<number>()
  const config = Configuration.parse(parse(readFileSync(t.config, 'utf8')))
  config.keygen.listen = { host: '127.0.0.1', port: 0 }
  config.keygen.pool_size = 0
  const running = runKeygen({
    config: keygenConfig(config),
    log: silentLog(),
    stop: stop.signal,
    onListening: port.resolve,
  })
  running.catch(port.reject)
  config.keygen.url = `http://127.0.0.1:${await port.promise}`
  writeFileSync(t.config, stringify(config))
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}
