import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { AgentConfig } from '@copr/contract/agent-config'
import { withoutSlashes } from '@copr/contract/without-slashes'
import { INTERRUPTED } from '@copr/agent/handler'
import type { Logger } from '@copr/process/log'
import { run } from '@copr/process/run'
import { runBuilder } from './builder.ts'
import { DeadMan, noteContact, uptimeSeconds } from './dead-man.ts'
import { selfTest } from './self-test.ts'
import { trustOnMachine } from './trust-on-machine.ts'

const LOOK_MS = 1_000
/** How long the agent may take to hand back its tasks after it has decided to shut down. */
const GOODBYE_MS = 15_000

/** Runs the agent as configured in the file. When the agent ends, powers the machine off unless `at_end` is `exit`. */
export async function runOnMachine(
  config_path: string,
  { log, stop }: { log: Logger; stop: AbortSignal },
): Promise<void> {
  const config = await readConfig(config_path)
  const enroll_token = await readToken(config.enroll_token_file)
  const { scratch_dir, state_dir } = config
  await mkdir(state_dir, { recursive: true, mode: 0o700 })
  await mkdir(scratch_dir, { recursive: true, mode: 0o700 })
  const { trusted_ca } = config
  using _trust = trusted_ca ? await trustOnMachine(trusted_ca, state_dir) : undefined
  const end = new AbortController()
  const onDeath = (reason: string): void => {
    log.fatal({ reason }, 'Shutting down: this machine is no longer in use')
    end.abort('stopping')
    // Ends the process after this time, even if the shutdown hangs.
    setTimeout(() => void finish(config, log).finally(() => process.exit(1)), GOODBYE_MS).unref()
  }
  using switchOf = new DeadMan({ limits: config.dead_man, uptime: uptimeSeconds, onDeath })
  const ended = AbortSignal.any([stop, end.signal])
  using _notice = watchForNotice(join(state_dir, 'interrupted'), () => end.abort(INTERRUPTED))
  try {
    const needs = config.self_test
    const gateway_url = withoutSlashes(config.gateway_url)
    await runBuilder({
      ...config,
      gateway_url,
      enroll_token,
      self_test: await selfTest({ gateway_url, scratch_dir, needs, log, stop: ended }),
      log,
      stop: ended,
      fetch: async (...request) => {
        const response = await fetch(...request)
        if (!response.ok) return response
        switchOf.contact()
        noteContact(state_dir, uptimeSeconds())
        await dropToken(config.enroll_token_file)
        return response
      },
    })
  } catch (error) {
    if (!ended.aborted) throw error
  } finally {
    await finish(config, log)
  }
}

async function readConfig(path: string): Promise<AgentConfig> {
  try {
    return AgentConfig.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new Error(`Cannot read ${path}`, { cause })
  }
}

async function readToken(path: string): Promise<string> {
  if (path === '-') return (await text(process.stdin)).trim()
  return (await readFile(path, 'utf8')).trim()
}

/** Deletes the enrollment token, which is valid only once. In a pod, the token is on a read-only Secret volume and cannot be deleted. */
async function dropToken(path: string): Promise<void> {
  if (path === '-') return
  try {
    await rm(path, { force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error
  }
}

/** Polls for the file that a cloud-specific program creates when the cloud is about to reclaim the machine. */
function watchForNotice(path: string, onNotice: () => void): Disposable {
  const timer = setInterval(() => {
    if (!existsSync(path)) return
    clearInterval(timer)
    onNotice()
  }, LOOK_MS)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

async function finish({ at_end }: AgentConfig, log: Logger): Promise<void> {
  if (at_end === 'exit') return
  const off = await run('systemctl', ['poweroff'])
  if (!off.ok) log.error({ output: off.output }, 'Cannot power off')
}
