import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startOrder, stopOrder } from '../../testing/orders.ts'
import { providerSuite } from '../../testing/provider-suite.ts'
import { deadline, succeeded } from '../../testing/suite-pool.ts'
import { hostOf } from './host-of.ts'
import { environmentOf, keptOutput } from './script-contract.ts'
import { runScript } from './script.ts'
import { scriptName } from './script-name.ts'
import { ScriptFixture } from '../../testing/script-fixture.ts'

providerSuite('command', async () => new ScriptFixture())

const fixture = new ScriptFixture()
after(() => fixture[Symbol.asyncDispose]())
const owner = { installation_id: 'installation-1', pool: 'lab' }
const OFFERING = { name: 'script', price_per_hour: 0 }
const kept = (variable: string): string => `printf %s "\${${variable}-unset}" >"$CLOUD/said"`
const said = (): string => readFileSync(join(fixture.dir, 'said'), 'utf8')

test("cmd_new gets the same environment as from Fedora's resalloc", async () => {
  const order = { ...startOrder(owner, 12, OFFERING), id_in_pool: 3, counters: { ip: 7 } }
  succeeded(await fixture.provider(owner).start(order, deadline()))
  const lines = readFileSync(join(fixture.dir, `env-${scriptName(order)}`), 'utf8').split('\n')
  assert.deepEqual(lines.filter(Boolean).toSorted(), [
    'RESALLOC_ID=12',
    'RESALLOC_ID_IN_POOL=3',
    `RESALLOC_NAME=${scriptName(order)}`,
    'RESALLOC_NAMED_COUNTER_ip=7',
    'RESALLOC_POOL_ID=lab',
  ])
  assert.ok(scriptName(order).startsWith('lab'))
})

for (const [command, call] of [
  ['cmd_livecheck', 'check'],
  ['cmd_release', 'clean'],
] as const)
  test(`${command} gets the output of cmd_new`, async () => {
    const order = startOrder(owner, 13, OFFERING)
    const started = succeeded(await fixture.provider(owner).start(order, deadline()))
    const provider = fixture.provider(owner, { [command]: kept('RESALLOC_RESOURCE_DATA') })
    await provider[call]?.(stopOrder(order, started), deadline())
    assert.equal(Buffer.from(said(), 'base64').toString(), 'host-13.example\n')
  })

test('a failed cmd_livecheck means an unhealthy machine, and a failed cmd_release is an error', async () => {
  const order = stopOrder(startOrder(owner, 14, OFFERING))
  const provider = fixture.provider(owner, { cmd_livecheck: 'exit 1', cmd_release: 'exit 1' })
  assert.equal(await provider.check?.(order, deadline()), false)
  await assert.rejects(async () => await provider.clean?.(order, deadline()), /cmd_release/)
})

test('a launch that was interrupted by the end of the manager is cleaned up, and its token cannot be used again', async () => {
  const order = startOrder(owner, 15, OFFERING)
  const name = scriptName(order)
  // This is what a manager leaves behind if it is killed while cmd_new runs.
  writeFileSync(join(fixture.dir, 'machines', name), '')
  const note = { name, machine_id: 15, phase: 'creating', at: new Date() }
  writeFileSync(
    join(fixture.dir, 'state', 'installation-1', 'lab', `${name}.json`),
    JSON.stringify(note),
  )
  const outcome = await fixture.provider(owner).start(order, deadline())
  assert.equal(outcome.ok ? 'started' : outcome.failure, 'token_spent')
  assert.equal(existsSync(join(fixture.dir, 'machines', name)), false)
})

test('a script that outlasts the call that started it continues, and the next call returns its machine', async () => {
  const order = startOrder(owner, 16, OFFERING)
  const hanging = fixture.hang()
  const first = await fixture.provider(owner).start(order, AbortSignal.timeout(50))
  assert.equal(first.ok ? 'started' : first.failure, 'unknown')
  hanging[Symbol.dispose]()
  succeeded(await fixture.provider(owner).start(order, deadline()))
})

test('stop() kills a script that is still creating the machine', async () => {
  const order = startOrder(owner, 17, OFFERING)
  const slow = { cmd_new: 'sleep 1000 & wait' }
  await fixture.provider(owner, slow).start(order, AbortSignal.timeout(50))
  await fixture.provider(owner).stop(stopOrder(order), deadline())
  const again = await fixture.provider(owner).start(order, deadline())
  assert.equal(again.ok ? 'started' : again.failure, 'token_spent')
})

test('a command that does not exist is a configuration error', async () => {
  const provider = fixture.provider(owner, { cmd_new: '/no/such/plugin' })
  const outcome = await provider.start(startOrder(owner, 18, OFFERING), deadline())
  assert.equal(outcome.ok ? 'started' : outcome.failure, 'configuration')
})

test('machines of other owners that a script lists are ignored', async () => {
  writeFileSync(join(fixture.dir, 'machines', 'lab_00000001_20261125'), '')
  const listed = await Array.fromAsync(fixture.provider(owner).list(deadline()))
  assert.ok(!listed.some(({ provider_id }) => provider_id === 'lab_00000001_20261125'))
})

test('runScript() kills all processes that a script has started', async () => {
  const stop = new AbortController()
  const file = join(fixture.dir, 'pid')
  const script = `sleep 1000 & echo $! >${file}.new; mv ${file}.new ${file}; wait`
  const env = { PATH: '/bin:/usr/bin' }
  const running = runScript(script, { env, signal: stop.signal, max_output_bytes: 9 })
  while (!existsSync(file)) await sleep(5)
  stop.abort()
  await assert.rejects(running)
  const pid = Number(readFileSync(file, 'utf8'))
  while (isRunning(pid)) await sleep(5)
})

/** Whether a process is running. A killed process ends with a delay, and remains as a zombie if its parent does not wait for it. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z'
  } catch {
    return false
  }
}

test('a child process that keeps the output of a script open does not delay the result of the script', async () => {
  const file = join(fixture.dir, 'child')
  const script = `sleep 1000 & echo $! >${file}; echo done`
  const env = { PATH: '/bin:/usr/bin' }
  // The child is still running: runScript() did not wait until the deadline.
  const { output } = await runScript(script, { env, signal: deadline(), max_output_bytes: 100 })
  assert.equal(output, 'done\n')
  process.kill(Number(readFileSync(file, 'utf8')))
})

for (const [output, host] of [
  ['10.0.0.7\n', { host: '10.0.0.7', ssh_port: 22 }],
  ['builder.example\nand more\n', { host: 'builder.example', ssh_port: 22 }],
  ['fe80::1\n', { host: 'fe80::1', ssh_port: 22 }],
  ['---\nname: a\nhost: 10.0.0.7\nssh_port: 2222\n', { host: '10.0.0.7', ssh_port: 2222 }],
  ['host: "10.0.0.7"\n', { host: '10.0.0.7', ssh_port: 22 }],
  ['-oProxyCommand=evil\n', undefined],
  ['', undefined],
] as const)
  test(`hostOf(${JSON.stringify(output)})`, () => assert.deepEqual(hostOf(output), host))

for (const [what, output, is_cut, wanted] of [
  ['a short output', 'a\nb\n', false, 'a\nb\n'],
  ['only whole lines', `a\n${'b'.repeat(600)}\n`, false, 'a\n<RESALLOC_TRIMMED>\n'],
  ['a long first line', 'c'.repeat(600), true, `${'c'.repeat(512)}\n<RESALLOC_TRIMMED>\n`],
] as const)
  test(`keptOutput() keeps up to 512 bytes: ${what}`, () =>
    assert.equal(keptOutput(output, is_cut), wanted))

test('environmentOf() without a machine sets the name to None', () => {
  assert.deepEqual(environmentOf({ pool: 'lab' }), {
    RESALLOC_ID: '0',
    RESALLOC_NAME: 'None',
    RESALLOC_POOL_ID: 'lab',
    RESALLOC_ID_IN_POOL: 'None',
  })
})
