import { join } from 'node:path'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import { messageOf } from '@copr/process/errors'
import type {
  Finding,
  Listed,
  MakeProvider,
  Provider,
  ProviderContext,
  StartOrder,
  StartOutcome,
  StopOrder,
} from '../provider.ts'
import { installAgent, type Installation } from './install-agent.ts'
import { diagnose } from './diagnose.ts'
import { hostOf } from './host-of.ts'
import { LaunchNotes } from './launch-notes.ts'
import { listNames } from './list-names.ts'
import { runScript } from './script.ts'
import { environmentOf, keptOutput, MAX_NEW_BYTES } from './script-contract.ts'
import { machineOfName, scriptName } from './script-name.ts'

type Config = PoolConfigOf<'command'>

export interface CommandOptions {
  /** Directory of the launch notes and the hosts' SSH keys. It is kept when the process ends. */
  state_dir: string
  /** Variables that scripts inherit in addition to those of resalloc's contract. */
  env: Record<string, string>
  install?: (installation: Installation) => Promise<void>
}

/** Launches in progress, by the path of their launch note. They outlive their caller and their provider, which may be recreated. */
const RUNNING = new Map<string, { outcome: Promise<StartOutcome>; abort: AbortController }>()
const ASK_AGAIN_SECONDS = 5

/** Makes machines with scripts, following resalloc's contract: plugins written for resalloc work unchanged. */
export function commandProvider(options: CommandOptions): MakeProvider<'command'> {
  return (config, context) => new CommandProvider(config, context, options)
}

class CommandProvider implements Provider {
  readonly is_blind: boolean
  readonly #config: Config
  readonly #context: ProviderContext
  readonly #options: CommandOptions
  readonly #notes: LaunchNotes

  constructor(config: Config, context: ProviderContext, options: CommandOptions) {
    this.is_blind = config.cmd_list === undefined
    this.#config = config
    this.#context = context
    this.#options = options
    this.#notes = new LaunchNotes(join(options.state_dir, context.installation_id, context.pool))
  }

  offerings() {
    return [{ name: 'script', price_per_hour: this.#config.price_per_hour }]
  }

  /**
   * Starts a launch or joins one in progress. The script may run longer than a call: it continues, and a later call with the same token
   * waits for it again.
   */
  async start(order: StartOrder, signal: AbortSignal): Promise<StartOutcome> {
    const unknown = {
      ok: false,
      failure: 'unknown',
      message: 'The script is still running',
      retry_seconds: ASK_AGAIN_SECONDS,
    } as const
    if (signal.aborted) return unknown
    const key = this.#notes.pathOf(scriptName(order))
    let running = RUNNING.get(key)
    if (!running) {
      const abort = new AbortController()
      const outcome = this.#launch(order, abort.signal).finally(() => RUNNING.delete(key))
      running = { outcome, abort }
      RUNNING.set(key, running)
    }
    const tooLate = new Promise<StartOutcome>((resolve) =>
      signal.addEventListener('abort', () => resolve(unknown), { once: true }),
    )
    return await Promise.race([running.outcome, tooLate])
  }

  async #launch(order: StartOrder, abort: AbortSignal): Promise<StartOutcome> {
    const name = scriptName(order)
    const signal = AbortSignal.any([abort, AbortSignal.timeout(this.#config.boot_timeout * 1000)])
    try {
      const note = await this.#notes.read(name)
      if (note?.phase === 'up' && (await this.#exists(name, signal)))
        return started(name, note.output)
      if (note) {
        // Either the launch has ended, or the manager was killed while the script ran and the script's output is lost.
        if (note.phase !== 'ended') await this.#delete(name, order, note.output, signal)
        await this.#notes.write({ ...note, phase: 'ended', at: this.#context.now() })
        return failed('token_spent', `The machine of this launch was terminated: ${name}`)
      }
      return await this.#create(name, order, signal)
    } catch (error) {
      this.#context.log.warn({ name, reason: messageOf(error) }, 'Launch by script failed')
      return failed('unknown', messageOf(error))
    }
  }

  async #create(name: string, order: StartOrder, signal: AbortSignal): Promise<StartOutcome> {
    const { cmd_new, ...config } = this.#config
    const { log, now } = this.#context
    const note = { name, machine_id: order.machine_id, at: now(), output: '' }
    await this.#notes.write({ ...note, phase: 'creating' })
    const env = { ...this.#options.env, ...environmentOf({ ...order, name }) }
    const made = await runScript(cmd_new, { env, signal, max_output_bytes: MAX_NEW_BYTES * 16 })
    const output = keptOutput(made.output, made.is_cut)
    const host = hostOf(output)
    const known_hosts_file = this.#notes.pathOf(name, 'known-hosts')
    let message = ''
    if (made.code !== 0)
      message = `cmd_new exited with ${made.code ?? 'a signal'}: ${made.errors.slice(-500)}`
    else if (!host) message = `cmd_new printed no host: ${output.slice(0, 200)}`
    else {
      const install = this.#options.install ?? installAgent
      await install({ name, host, boot: order.boot, config, known_hosts_file, signal }).catch(
        (error: unknown) => (message = messageOf(error)),
      )
    }
    if (message === '') {
      await this.#notes.write({ ...note, phase: 'up', output })
      return started(name, output)
    }
    log.warn({ name, message }, 'Cannot create a machine by script')
    await this.#delete(name, order, output, AbortSignal.timeout(this.#config.boot_timeout * 1000))
    await this.#notes.write({ ...note, phase: 'ended' })
    // The shell exits with 126 or 127 if it cannot run the command.
    const isWrong = made.code === 126 || made.code === 127
    return failed(isWrong ? 'configuration' : 'no_capacity', message)
  }

  async stop(order: StopOrder, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#end(scriptName(order), order, signal)
  }

  async remove(listed: Listed, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#end(listed.provider_id, { machine_id: listed.machine_id ?? 0 }, signal)
  }

  async #end(name: string, order: Partial<StopOrder>, signal: AbortSignal): Promise<void> {
    const running = RUNNING.get(this.#notes.pathOf(name))
    running?.abort.abort(new Error('The machine is no longer needed'))
    await running?.outcome
    const note = await this.#notes.read(name)
    if (note?.phase === 'ended' || (!note && !(await this.#exists(name, signal)))) return
    await this.#delete(name, order, note?.output ?? '', signal)
    const machine_id = order.machine_id ?? 0
    const at = this.#context.now()
    await this.#notes.write({ output: '', machine_id, ...note, name, phase: 'ended', at })
  }

  async #delete(
    name: string,
    order: Partial<StopOrder>,
    output: string,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#call('cmd_delete', name, order, output, signal)
  }

  /** Runs one of the commands other than `cmd_new` for a machine; throws if it fails. */
  async #call(
    what: 'cmd_delete' | 'cmd_release' | 'cmd_livecheck',
    name: string,
    order: Partial<StopOrder>,
    output: string,
    signal: AbortSignal,
  ): Promise<void> {
    const command = this.#config[what]
    if (command === undefined) return
    const { pool } = this.#context
    const env = { ...this.#options.env, ...environmentOf({ pool, ...order, name, output }) }
    const end = await runScript(command, { env, signal, max_output_bytes: MAX_NEW_BYTES })
    if (end.code !== 0)
      throw new Error(
        `${what} of ${name} exited with ${end.code ?? 'a signal'}: ${end.errors.slice(-500)}`,
      )
  }

  async *list(signal: AbortSignal): AsyncIterable<Listed> {
    signal.throwIfAborted()
    const { installation_id, pool, now } = this.#context
    const listed = await this.#names(signal)
    // The notes are read after the listing: a launch that started in the meantime is missing from the listing but has a note.
    const notes = new Map((await this.#notes.living(now())).map((note) => [note.name, note]))
    const creating = [...notes.values()].filter(({ phase }) => phase === 'creating')
    const names = listed ? [...listed, ...creating.map(({ name }) => name)] : [...notes.keys()]
    for (const name of new Set(names)) {
      const machine_id = machineOfName(name, installation_id)
      // The script also lists machines of other owners.
      if (machine_id === undefined) continue
      const note = notes.get(name)
      yield {
        kind: 'machine',
        provider_id: name,
        machine_id,
        pool,
        created_at: note?.at,
        state: note?.phase === 'creating' ? 'starting' : 'running',
        data: { output: note?.output ?? '' },
      }
    }
  }

  async check(order: StopOrder, signal: AbortSignal): Promise<boolean> {
    const name = scriptName(order)
    try {
      await this.#call('cmd_livecheck', name, order, outputOf(order), signal)
      return true
    } catch (error) {
      signal.throwIfAborted()
      this.#context.log.info({ name, reason: messageOf(error) }, 'Machine failed its health check')
      return false
    }
  }

  async diagnose(signal: AbortSignal): Promise<Finding[]> {
    const { cmd_list } = this.#config
    const list = cmd_list === undefined ? undefined : this.#names.bind(this)
    return await diagnose({ config: this.#config, env: this.#options.env, list }, signal)
  }

  async clean(order: StopOrder, signal: AbortSignal): Promise<void> {
    await this.#call('cmd_release', scriptName(order), order, outputOf(order), signal)
  }

  /** Whether a machine is listed; without `cmd_list`, it is assumed to exist. */
  async #exists(name: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#names(signal))?.includes(name) ?? true
  }

  /** Returns the names that `cmd_list` prints; undefined if the pool has none. */
  async #names(signal: AbortSignal): Promise<string[] | undefined> {
    const { cmd_list } = this.#config
    if (cmd_list === undefined) return undefined
    const env = { ...this.#options.env, ...environmentOf({ pool: this.#context.pool }) }
    return await listNames(cmd_list, env, signal)
  }
}

function outputOf({ data }: StopOrder): string {
  return typeof data['output'] === 'string' ? data['output'] : ''
}

function started(name: string, output: string): StartOutcome {
  return { ok: true, provider_id: name, data: { output } }
}

function failed(
  failure: Extract<StartOutcome, { ok: false }>['failure'],
  message: string,
): StartOutcome {
  return { ok: false, failure, message }
}
