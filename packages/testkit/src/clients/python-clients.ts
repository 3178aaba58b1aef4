import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { CACHE_DIR } from '../system/start-system.ts'

const REQUIREMENTS = fileURLToPath(
  new URL('../../../../tools/clients-requirements.txt', import.meta.url),
)

export interface PythonClients {
  /** Of copr-cli. */
  program: string
  /** An interpreter that finds python-copr. */
  python: string
}

/** Installs the clients that the requirements file names, unmodified, into a folder that is kept while it stays the same. */
export async function pythonClients(): Promise<PythonClients> {
  const hash = createHash('sha256').update(readFileSync(REQUIREMENTS))
  const dir = join(CACHE_DIR, `clients-${hash.digest('hex').slice(0, 12)}`)
  const complete = join(dir, 'complete')
  if (!existsSync(complete)) {
    rmSync(dir, { recursive: true, force: true })
    const env = settingsOfPip()
    await runOrThrow('python3', ['-m', 'venv', dir], { env })
    const install = ['install', '--quiet', '--requirement', REQUIREMENTS]
    await runOrThrow(join(dir, 'bin/pip'), install, { env, timeout_ms: 300_000 })
    writeFileSync(complete, '')
  }
  return { program: join(dir, 'bin/copr-cli'), python: join(dir, 'bin/python') }
}

/** Where packages come from is this machine's business. */
function settingsOfPip(): Record<string, string> {
  const isWanted = (name: string): boolean =>
    /^(PIP_|SSL_|REQUESTS_)/.test(name) || /_proxy$/i.test(name) || name === 'HOME'
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && isWanted(name) ? [[name, value]] : [],
    ),
  )
}
