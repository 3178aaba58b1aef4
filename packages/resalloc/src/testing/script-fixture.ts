import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PoolConfig, type PoolConfigOf } from '@copr/contract/pools/provider-options'
import { silentLog } from '@copr/process/log'
import type { ProviderFixture } from './provider-fixture.ts'
import type { Provider } from '../providers/provider.ts'
import { commandProvider } from '../providers/command/command.ts'

// Behaves like a plugin: the machine has the name that resalloc assigns, and nothing else about the machine is recorded.
const NEW = `
while [ -e "$CLOUD/hang" ]; do sleep 0.05; done
env | grep ^RESALLOC_ >"$CLOUD/env-$RESALLOC_NAME"
if [ -e "$CLOUD/fail" ]; then rm "$CLOUD/fail"; echo 'No host is free' >&2; exit 1; fi
: >"$CLOUD/machines/$RESALLOC_NAME"
echo "host-$RESALLOC_ID.example"`
const WAIT = 'while [ -e "$CLOUD/hang" ]; do sleep 0.05; done'
const DELETE = `${WAIT}; rm -f "$CLOUD/machines/$RESALLOC_NAME"`
const LIST = `${WAIT}
ls "$CLOUD/machines"
if [ -e "$CLOUD/break" ]; then rm "$CLOUD/break"; exit 1; fi`

/** A cloud that consists of files and is used by four scripts. */
export class ScriptFixture implements ProviderFixture {
  readonly dir = mkdtempSync(join(tmpdir(), 'copr-scripts-'))
  readonly #installations = new Set<string>()
  loseNextStart = { cannot: 'the output of a script is lost only if the process is killed' }

  constructor() {
    mkdirSync(join(this.dir, 'machines'))
  }

  config(more: Record<string, unknown> = {}): PoolConfigOf<'command'> {
    const commands = { cmd_new: NEW, cmd_delete: DELETE, cmd_list: LIST }
    return PoolConfig.parse({ ...commands, ...more }) as PoolConfigOf<'command'>
  }

  provider(
    owner: { installation_id: string; pool: string },
    more: Record<string, unknown> = {},
  ): Provider {
    this.#installations.add(owner.installation_id)
    const make = commandProvider({
      state_dir: join(this.dir, 'state'),
      env: { PATH: process.env['PATH'] ?? '', CLOUD: this.dir },
      install: async () => undefined,
    })
    return make(this.config(more), { ...owner, log: silentLog(), now: () => new Date() })
  }

  async endMachine(name: string): Promise<void> {
    rmSync(join(this.dir, 'machines', name), { force: true })
  }

  breakNextListing = (): void => writeFileSync(join(this.dir, 'break'), '')

  hang = (): Disposable => {
    const path = join(this.dir, 'hang')
    writeFileSync(path, '')
    return { [Symbol.dispose]: () => rmSync(path, { force: true }) }
  }

  failNextStart = (failure: string): { cannot: string } | void => {
    if (failure !== 'no_capacity') return { cannot: 'scripts report no other failure' }
    writeFileSync(join(this.dir, 'fail'), '')
  }

  async owners() {
    return readdirSync(join(this.dir, 'machines')).map((name) => {
      const [, hash, machine_id] = /_c([0-9a-f]{8})m(\d+)t/.exec(name) ?? []
      const installation_id = [...this.#installations].find(
        (each) => createHash('sha256').update(each).digest('hex').slice(0, 8) === hash,
      )
      return installation_id === undefined
        ? undefined
        : { installation_id, machine_id: Number(machine_id) }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (existsSync(this.dir)) rmSync(this.dir, { recursive: true, force: true })
  }
}
