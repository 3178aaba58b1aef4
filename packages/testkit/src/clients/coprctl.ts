import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { COMPILE_CACHE } from '../compile-cache.ts'
import type { System } from '../system/start-system.ts'

const MAIN = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url))

/** Runs a coprctl command on a running system. */
export async function coprctl(
  { dataDir }: Pick<System, 'dataDir'>,
  ...args: string[]
): Promise<string> {
  const config = ['--config', join(dataDir, 'copr.yaml')]
  return await runOrThrow(process.execPath, [MAIN, ...args, ...config], { env: COMPILE_CACHE })
}
