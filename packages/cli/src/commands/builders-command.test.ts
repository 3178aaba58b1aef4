import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskKind } from '@copr/contract/builder-protocol'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import { listAudit } from '@copr/domain/audit/audit-queries'
import { enrollMachine, livingMachines } from '@copr/domain/machines/machines'
import { syncPools } from '@copr/domain/pools/pools'
import { openTestCli, type TestCli } from '../testing.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const NOW = new Date()

async function addPool({ db }: TestCli): Promise<void> {
  const config = PoolConfig.parse({ provider: 'local', tags: ['arch_x86_64'], max: 7 })
  await syncPools(db, [{ name: 'here', config, cleans: false }], NOW)
}

async function addMachine({ db }: TestCli, state: 'ready' | 'booting' = 'ready'): Promise<string> {
  const { id } = await fixtures(db)
    .insertInto('machine')
    .values({
      pool: 'here',
      name: 'here-1',
      provider: 'local',
      state,
      created_at: NOW,
      kinds: ['rpm'],
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return String(id)
}

test('`builders pools` lists machines by state, and reports a missing manager', async () => {
  await using t = await openTestCli()
  await addPool(t)
  await addMachine(t)
  await addMachine(t, 'booting')
  const { out, err } = await t.run(['builders', 'pools'])
  assert.match(out, /^name +provider +max +starting +idle +busy .*\nhere +local +7 +1 +1 +0 /)
  assert.match(err, /No manager is running/)
})

test('`builders list` and `builders show` print machines with their events, but without their secrets', async () => {
  await using t = await openTestCli()
  await addPool(t)
  const id = await addMachine(t)
  assert.match((await t.run(['builders', 'list', 'here'])).out, /here-1 +ready/)
  assert.equal((await t.run(['builders', 'list', 'other'])).out, '')
  await t.run(['builders', 'cordon', id, '--reason', 'odd'])
  const { out } = await t.run(['builders', 'show', id])
  assert.match(out, /cordoned: yes/)
  assert.match(out, /events: .*cordoned/)
  assert.doesNotMatch(out, /token_hash/)
})

test('`builders cordon`, `uncordon`, `hold` and `drain` change machines and pools, and are audited', async () => {
  await using t = await openTestCli()
  await addPool(t)
  const id = await addMachine(t)
  const stateOf = async (): Promise<string | undefined> =>
    (await t.json<{ state: string }[]>(['builders', 'list']))[0]?.state
  await t.run(['builders', 'cordon', id])
  assert.equal(await stateOf(), 'cordoned')
  await t.run(['builders', 'uncordon', id])
  assert.equal(await stateOf(), 'ready')
  const held = await t.run(['builders', 'hold', id, '--hours', '2', '--reason', 'look at it'])
  assert.match(held.err, /here-1 is kept until /)
  assert.equal(await stateOf(), 'held')
  await t.run(['builders', 'drain', 'here', '--reason', 'too old'])
  assert.equal(await stateOf(), 'draining')
  const [pool] = await t.json<{ note: string }[]>(['builders', 'pools'])
  assert.equal(pool?.note, 'cordoned')
  await t.run(['builders', 'uncordon', 'here'])
  assert.deepEqual(
    (await listAudit(t.db, {}, 9))
      .map(({ action, subject }) => `${action} ${subject}`)
      .toReversed(),
    [
      `builders.cordon machine ${id}`,
      `builders.uncordon machine ${id}`,
      `builders.hold machine ${id}`,
      'builders.drain pool here',
      'builders.uncordon pool here',
    ],
  )
})

test('`builders enroll` registers a machine and prints a token that works once', async () => {
  await using t = await openTestCli()
  const { out } = await t.run(['builders', 'enroll', 'mine'])
  const enrolment = { name: 'mine', kinds: [], arches: ['x86_64'], tags: [], now: new Date() }
  const enrol = async () => await enrollMachine(t.db, { ...enrolment, enroll_token: out.trim() })
  assert.ok(await enrol())
  assert.equal(await enrol(), undefined)
  const [machine] = await t.json<{ name: string; state: string }[]>(['builders', 'list'])
  assert.deepEqual([machine?.name, machine?.state], ['mine', 'ready'])
})

test('`builders enroll` limits the capabilities of the machine', async () => {
  await using t = await openTestCli()
  const { out } = await t.run([
    'builders',
    'enroll',
    'mine',
    '--kinds',
    'rpm',
    '--arches',
    'x86_64',
  ])
  const kinds: TaskKind[] = ['source', 'import', 'rpm']
  const arches = ['x86_64', 's390x']
  const said = { name: 'mine', kinds, arches, tags: [], now: new Date() }
  assert.ok(await enrollMachine(t.db, { ...said, enroll_token: out.trim() }))
  const [machine] = await livingMachines(t.db, 'manual')
  assert.deepEqual([machine?.kinds, machine?.arches], [['rpm'], ['x86_64']])
})

for (const [args, message] of [
  [['enroll', 'x', '--kinds', 'source,import'], /Cannot enroll a machine for import/],
  [['drain', 'nowhere'], /Cannot find the pool nowhere/],
  [['drain', '99'], /Cannot find machine 99/],
  [['show', 'x'], /Cannot find a machine: x is not a number/],
  [['hold', '1', '--hours', 'many'], /Cannot find machine 1|Cannot hold it for many hours/],
] as const)
  test(`builders ${args.join(' ')} fails with a readable message`, async () => {
    await using t = await openTestCli()
    const { code, err } = await t.run(['builders', ...args])
    assert.equal(code, 1)
    assert.match(err, message)
  })
