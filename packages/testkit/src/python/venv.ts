import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pipSettings } from '@copr/process/pip-settings'
import { runOrThrow } from '@copr/process/run'
import { CACHE_DIR } from '../system/start-system.ts'

/**
 * Installs the packages of a requirements file in `tools/`, unmodified, into a virtual environment that is reused until the file changes.
 * Returns its folder of programs.
 */
export async function pythonVenv(requirements: string): Promise<string> {
  const file = fileURLToPath(new URL(`../../../../tools/${requirements}`, import.meta.url))
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12)
  const name = basename(requirements, '-requirements.txt')
  const dir = join(CACHE_DIR, `${name}-${digest}`)
  const complete = join(dir, 'complete')
  if (!existsSync(complete)) {
    rmSync(dir, { recursive: true, force: true })
    const env = pipSettings()
    await runOrThrow('python3', ['-m', 'venv', dir], { env })
    const install = ['install', '--quiet', '--requirement', file]
    await runOrThrow(join(dir, 'bin/pip'), install, { env, timeout_ms: 300_000 })
    writeFileSync(complete, '')
  }
  return join(dir, 'bin')
}
