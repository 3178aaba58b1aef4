/**
 * Runs `make up` as the README describes, in roots of distributions that contain only a base system and the prerequisites.
 *
 * `node tools/test-fresh.ts [ROOT...] [--working-tree] [--no-up] [--run COMMAND]...`
 */
import { parseArgs } from 'node:util'
import { stopSignal } from '../packages/cli/src/stop-signal.ts'
import { showProgress } from '../packages/cli/src/up/progress.ts'
import { FRESH_ROOTS } from './fresh/fresh-roots.ts'
import { runCommand } from './fresh/run-command.ts'
import { type Trial, tryInRoot } from './fresh/trial.ts'
import { tryUp } from './fresh/try-up.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    // Uses the files on disk instead of the latest commit.
    'working-tree': { type: 'boolean', default: false },
    'no-up': { type: 'boolean', default: false },
    // A shell command to run in the clone, after `make up`.
    run: { type: 'string', multiple: true, default: [] },
  },
})
if (process.getuid?.() !== 0)
  throw new Error('Cannot enter fresh roots: that needs root. Run: sudo make test-fresh')
const names = FRESH_ROOTS.map(({ name }) => name)
const unknown = positionals.filter((name) => !names.includes(name))
if (unknown.length > 0)
  throw new Error(`Cannot find the root ${unknown.join(', ')}: there are ${names.join(', ')}`)

const works = [
  ...(values['no-up'] ? [] : [tryUp]),
  ...values.run.map((command) => async (trial: Trial) => await runCommand(trial, command)),
]
const signal = stopSignal()
const progress = showProgress(process.stdout)
const total = { passed: 0, failed: 0 }
try {
  for (const root of FRESH_ROOTS) {
    if (positionals.length > 0 && !positionals.includes(root.name)) continue
    const options = { workingTree: values['working-tree'], progress, signal }
    const { passed, failed } = await tryInRoot(root, options, works)
    total.passed += passed
    total.failed += failed
  }
} catch (error) {
  if (!signal.aborted) throw error
  progress.say('\nStopped')
  total.failed += 1
}
// Printed in the format of node's test runner, because .ci/run adds up these numbers.
progress.say(`\nℹ pass ${total.passed}\nℹ fail ${total.failed}`)
process.exitCode = total.failed === 0 ? 0 : 1
