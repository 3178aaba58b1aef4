import { createWriteStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from '@copr/process/run'
import { z } from 'zod'
import type { Outcome } from './outcomes.ts'
import type { ScriptRun } from './run-scripts.ts'

/** The fields of behave's JSON report that matter. */
const Report = z.array(
  z.object({
    location: z.string(),
    elements: z
      .array(z.object({ type: z.string(), name: z.string(), status: z.string() }))
      .optional(),
  }),
)

const FEATURES_MS = 30 * 60_000

/** Runs features, given by file name. */
export async function runFeatures(
  features: readonly string[],
  { checkout, machine, env, logs, say }: ScriptRun,
): Promise<Outcome[]> {
  const cwd = join(checkout, 'behave')
  await mkdir(logs, { recursive: true })
  const report = join(logs, 'behave.json')
  const log = createWriteStream(join(logs, 'behave.log'))
  say('behave begins')
  const files = features.map((name) => join('features', name))
  const formats = [
    '--format',
    'json',
    '--outfile',
    report,
    '--format',
    'plain',
    '--outfile',
    '/dev/stdout',
  ]
  const [program = '', ...args] = machine.enter(['behave', ...formats, ...files])
  await run(program, args, {
    cwd,
    env: { ...machine.env, ...env, PYTHONDONTWRITEBYTECODE: '1' },
    timeout_ms: FEATURES_MS,
    onOutput: (chunk) => log.write(chunk),
  })
  log.end()
  return readReport(await readFile(report, 'utf8').catch(() => '[]'))
}

/** Parses behave's JSON report. */
export function readReport(json: string): Outcome[] {
  return Report.parse(JSON.parse(json)).flatMap(({ location, elements = [] }) =>
    elements
      .filter(({ type }) => type === 'scenario')
      .map(({ name, status }) => ({
        suite: 'behave' as const,
        name: `${basename(location.replace(/:\d+$/, ''))}: ${name}`,
        holds: status === 'passed',
        text: status,
      })),
  )
}
