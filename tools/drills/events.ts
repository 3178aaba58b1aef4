/**
 * Runs, with a longer outage, the test in which the message broker and a webhook receiver are down under load: 300 seconds by default,
 * instead of 30. Usage: `node tools/drills/events.ts [SECONDS]`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { whyNoRabbitmq } from '../../packages/testkit/src/events/rabbitmq.ts'
import { whyNoSystem } from '../../packages/testkit/src/system/requirements.ts'

// Checked here because the test would skip itself, and the drill would pass without having tested anything.
const { PATH } = process.env
const reason = whyNoRabbitmq(PATH) || whyNoSystem(PATH)
if (reason !== false)
  throw new Error(`Cannot run the drill: it ${reason}; tools/install-system-packages.sh clients`)

const setup = '--test-global-setup=packages/testkit/src/test-setup.ts'
const only = '--test-name-pattern=while the broker'
const args = ['--test', setup, '--test-reporter=spec', only, 'e2e/clients/events.test.ts']
const env = { ...process.env, OUTAGE_SECONDS: process.argv[2] ?? '300' }
const tests = spawn(process.execPath, args, { env, stdio: 'inherit' })
const [code] = (await once(tests, 'exit')) as [number | null]
process.exitCode = code ?? 1
