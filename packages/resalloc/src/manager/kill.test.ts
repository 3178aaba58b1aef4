import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { enrollMachine, machineOfSession } from '@copr/domain/machines/machines'
import { managedMachines } from '@copr/domain/machines/managed-machines'
import { claimTask } from '@copr/domain/queue/claim-task'
import { finishTask } from '@copr/domain/builds/task-outcomes'
import { addTasks } from '@copr/domain/testing/add-tasks'
import { openTestDb } from '@copr/testkit/postgres'
import { directoryCloud } from '../testing/directory-cloud.ts'

const CHILD = new URL('../testing/manager-child.ts', import.meta.url)
const KILLS = 8

test('exactly the desired machines exist after managers were killed with SIGKILL at random times', async () => {
  await using t = await openTestDb()
  const dir = mkdtempSync(join(tmpdir(), 'copr-cloud-'))
  const cloud = directoryCloud(dir)
  const existing = () => cloud.records().filter(({ state }) => state === 'running')
  const start = async (): Promise<ChildProcess> => {
    const child = fork(CHILD, [t.url, dir])
    await once(child, 'message')
    return child
  }
  const kill = async (child: ChildProcess): Promise<void> => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const killAgainAndAgain = async (): Promise<void> => {
    // Each manager is killed a little later than the one before.
    for (let i = 0; i < KILLS; i++) {
      const child = await start()
      await sleep(40 + 45 * i)
      await kill(child)
    }
  }
  const until = async (what: string, isTrue: () => Promise<boolean>): Promise<void> => {
    const deadline = Date.now() + 120_000
    while (!(await isTrue())) {
      assert.ok(Date.now() < deadline, what)
      await sleep(50)
    }
  }
  let last: ChildProcess | undefined
  try {
    await addTasks(t.db, new Date(), 'a', 4)
    await killAgainAndAgain()
    last = await start()
    await until(
      'four are booting',
      async () =>
        (await managedMachines(t.db)).every(({ state }) => state === 'booting') &&
        existing().length === 4,
    )
    assert.equal((await managedMachines(t.db)).length, 4)
    assert.equal(cloud.records().length, 4, 'none was made for nothing')
    for (const { order } of existing()) {
      const { enroll_token, name } = order.boot
      const now = new Date()
      const said = { name, kinds: ['source' as const], arches: ['x86_64'], tags: [], now }
      const enrolled = await enrollMachine(t.db, { enroll_token, ...said })
      const machine = await machineOfSession(t.db, enrolled?.session_token ?? '', now)
      assert.ok(machine)
      const lease = randomUUID()
      assert.ok(await claimTask(t.db, machine, { lease, now, lease_seconds: 600 }))
      const outcome = { kind: 'failed', reason: 'test' } as const
      assert.equal(await finishTask(t.db, lease, outcome, now), 'finished')
    }
    await kill(last)
    await killAgainAndAgain()
    last = await start()
    await until('all are gone', async () => (await managedMachines(t.db)).length === 0)
    assert.deepEqual(existing(), [])
    assert.equal(cloud.records().length, 4)
  } finally {
    if (last && last.exitCode === null) await kill(last)
    rmSync(dir, { recursive: true, force: true })
  }
})
