import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@copr/process/run'
import { startApiSystem } from './api-system.ts'
import { outcomesOfReport } from './junit-report.ts'
import type { Outcome } from './outcomes.ts'

const STAND_INS = fileURLToPath(new URL('python', import.meta.url))

/** Runs upstream's tests of API v3 against a frontend; `programs` is the directory that contains pytest. */
export async function runApiTests(
  checkout: string,
  { programs, onOutput }: { programs: string; onOutput: (chunk: Buffer) => void },
): Promise<Outcome[]> {
  const frontend = join(checkout, 'frontend/coprs_frontend')
  await using system = await startApiSystem()
  const dir = await mkdtemp(join(tmpdir(), 'copr-upstream-api-'))
  try {
    const report = join(dir, 'report.xml')
    const options = [
      '-c',
      '/dev/null',
      '--rootdir',
      frontend,
      '--noconftest',
      '-p',
      'no:cacheprovider',
    ]
    const args = [
      ...options,
      '-o',
      'junit_family=xunit1',
      `--junitxml=${report}`,
      join(frontend, 'tests/test_apiv3'),
    ]
    await run(join(programs, 'pytest'), args, {
      cwd: dir,
      env: {
        UPSTREAM_SYSTEM: system.url,
        UPSTREAM_FRONTEND: frontend,
        PYTHONPATH: STAND_INS,
        PYTHONDONTWRITEBYTECODE: '1',
      },
      onOutput,
    })
    return outcomesOfReport(await readFile(report, 'utf8'))
  } finally {
    await rm(dir, { recursive: true })
  }
}
