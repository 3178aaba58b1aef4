import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pipSettings } from '@copr/process/pip-settings'
import { runOrThrow } from '@copr/process/run'
import { CACHE_DIR } from '../system/start-system.ts'

/**
 * Installs the packages of a requirements file in `tools/`, unmodified, into a virtual environment that is reused until the files change.
 * The packages of the requirements file `alone` are installed without their dependencies. Returns the environment's `bin` directory.
 */
export async function pythonVenv(requirements: string, alone?: string): Promise<string> {
  const pathOf = (name: string): string =>
    fileURLToPath(new URL(`../../../../tools/${name}`, import.meta.url))
  const file = pathOf(requirements)
  const more = alone === undefined ? [] : [pathOf(alone)]
  const hash = createHash('sha256')
  for (const each of [file, ...more]) hash.update(readFileSync(each))
  const digest = hash.digest('hex').slice(0, 12)
  const name = basename(requirements, '-requirements.txt')
  const dir = join(CACHE_DIR, `${name}-${digest}`)
  const complete = join(dir, 'complete')
  if (!existsSync(complete)) {
    rmSync(dir, { recursive: true, force: true })
    const env = pipSettings()
    await runOrThrow('python3', ['-m', 'venv', dir], { env })
    const install = async (...args: string[]): Promise<unknown> =>
      await runOrThrow(join(dir, 'bin/pip'), ['install', '--quiet', ...args], {
        env,
        timeout_ms: 300_000,
      })
    await install('--requirement', file)
    for (const each of more) await install('--no-deps', '--requirement', each)
    writeFileSync(complete, '')
  }
  return join(dir, 'bin')
}
