/** Runs the agent on its own machine: `main.ts CONFIG`, where CONFIG is a JSON file described in @copr/contract/agent-config. */
import { makeLog } from '@copr/process/log'
import { runOnMachine } from './run-on-machine.ts'

// Overrides an inherited umask, because the unprivileged build user must be able to enter its buildroots.
process.umask(0o022)
const log = makeLog('builder')
const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => stop.abort('stopping'))
try {
  await runOnMachine(process.argv[2] ?? '/etc/copr-builder/agent.json', { log, stop: stop.signal })
} catch (err) {
  log.fatal({ err }, 'Builder ended')
  process.exitCode = 1
}
