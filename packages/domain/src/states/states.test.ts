import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { STATE_NUMBER } from '@copr/contract/states'
import { openTestDb } from '@copr/testkit/postgres'
import { sql } from 'kysely'
import type { Db } from '../database/open.ts'
import { addTasks } from '../testing/add-tasks.ts'
import { CHROOT_TRANSITIONS, moveChroots } from './chroot-state.ts'
import { MACHINE_TRANSITIONS, moveMachine } from './machine-state.ts'
import { moveSource, SOURCE_TRANSITIONS } from './source-state.ts'
import { leasing, moveTasks, TASK_TRANSITIONS } from './task-state.ts'
import {
  expectedBefore,
  isAllowed,
  statesBefore,
  statesOf,
  type Transitions,
} from './transitions.ts'

const now = new Date('2026-11-22T12:00:00Z')

/** Tries to move row 1 and returns whether it was moved. */
type Move = (db: Db, from: string, to: string) => Promise<boolean>

interface StateMachine {
  table: 'build' | 'build_chroot' | 'task' | 'machine'
  column: 'state' | 'source_state'
  transitions: Transitions<string>
  move: Move
}

const MACHINES: StateMachine[] = [
  {
    table: 'build',
    column: 'source_state',
    transitions: SOURCE_TRANSITIONS,
    move: async (db, _, to) =>
      await db.transaction().execute(async (tx) => await moveSource(tx, 1, { to: to as never })),
  },
  {
    table: 'build_chroot',
    column: 'state',
    transitions: CHROOT_TRANSITIONS,
    move: async (db, _, to) =>
      await db.transaction().execute(async (tx) => {
        return (await moveChroots(tx, [1], { to: to as never })).length === 1
      }),
  },
  {
    table: 'task',
    column: 'state',
    transitions: TASK_TRANSITIONS,
    move: async (db, _, to) =>
      await db.transaction().execute(async (tx) => {
        if (to !== 'leased') return (await moveTasks(tx, [1], { to: to as never })).length === 1
        const lease = { lease: 'lease', now, lease_seconds: 30, machine_id: null }
        const { rows } = await sql`with next as (select 1 as id) ${leasing(lease)}`.execute(tx)
        return rows.length === 1
      }),
  },
  {
    table: 'machine',
    column: 'state',
    transitions: MACHINE_TRANSITIONS,
    move: async (db, from, to) => {
      const { version } = await db.selectFrom('machine').select('version').executeTakeFirstOrThrow()
      const seen = { id: 1, state: from as never, version }
      return (await moveMachine(db, seen, { to: to as never, now })) !== undefined
    },
  },
]

/** Inserts one row with the id 1 into each table. */
async function fill(db: Db): Promise<void> {
  await addTasks(db, now, 'dana', 1)
  await db
    .insertInto('chroot')
    .values({
      name: 'c-1-x86_64',
      os_release: 'c',
      os_version: '1',
      arch: 'x86_64',
      distgit_branch: 'c1',
      config: '{}',
      created_at: now,
    })
    .execute()
  await db
    .insertInto('build_chroot')
    .values({ build_id: 1, chroot_id: 1, state: 'waiting' })
    .execute()
  await db
    .insertInto('machine')
    .values({ pool: 'p', name: 'm', state: 'booting', created_at: now })
    .execute()
}

suite('state transitions', () => {
  for (const { table, column, transitions, move } of MACHINES)
    test(`${table}.${column} makes every transition that its state machine allows, and no other`, async () => {
      await using t = await openTestDb()
      await fill(t.db)
      const read = async (): Promise<unknown> =>
        (
          await sql<{
            state: string
          }>`select ${sql.ref(column)} as state from ${sql.table(table)}`.execute(t.db)
        ).rows[0]?.state
      for (const from of statesOf(transitions))
        for (const to of statesOf(transitions)) {
          await sql`update ${sql.table(table)} set ${sql.ref(column)} = ${from}`.execute(t.db)
          // The move throws if no transition leads to the state `to`, or if the caller could have known that the transition is illegal.
          const moved = await move(t.db, from, to).catch((error: unknown) => {
            assert.match(String(error), /not allowed|No transition leads/)
            return false
          })
          const isLegal = isAllowed(transitions, from, to)
          assert.equal(moved, isLegal, `${from} to ${to}`)
          assert.equal(await read(), isLegal ? to : from, `${from} to ${to}`)
        }
    })

  for (const { table, column, transitions } of MACHINES)
    test(`expectedBefore() throws for each illegal move of ${table}.${column}`, () => {
      for (const from of statesOf(transitions))
        for (const to of statesOf(transitions))
          if (isAllowed(transitions, from, to))
            assert.deepEqual(expectedBefore(transitions, to, [from]), [from])
          else assert.throws(() => expectedBefore(transitions, to, [from]), /is not allowed/)
    })
})

/** The expected final states and predecessors. They are spelled out here because users and other components rely on them. */
const FINAL_STATES: [Transitions<string>, string[]][] = [
  [SOURCE_TRANSITIONS, ['succeeded', 'failed', 'canceled']],
  [CHROOT_TRANSITIONS, ['succeeded', 'failed', 'canceled', 'skipped', 'forked']],
  [TASK_TRANSITIONS, ['done']],
  [MACHINE_TRANSITIONS, ['gone']],
]
const WAYS_INTO: [Transitions<string>, string, string[]][] = [
  [SOURCE_TRANSITIONS, 'pending', ['starting', 'running']],
  [SOURCE_TRANSITIONS, 'importing', ['starting', 'running']],
  [CHROOT_TRANSITIONS, 'pending', ['waiting', 'starting', 'running']],
  [CHROOT_TRANSITIONS, 'succeeded', ['running']],
  [TASK_TRANSITIONS, 'leased', ['queued']],
  [MACHINE_TRANSITIONS, 'ready', ['launching', 'booting']],
]

test('exactly the expected final states have no transitions', () => {
  for (const [transitions, final] of FINAL_STATES)
    assert.deepEqual(
      statesOf(transitions).filter((state) => transitions[state]?.length === 0),
      final,
    )
})

for (const [transitions, to, before] of WAYS_INTO)
  test(`${to} is reached from ${before.join(', ')} only`, () =>
    assert.deepEqual(statesBefore(transitions, to), before))

test('the database accepts exactly the states that the code defines', async () => {
  await using t = await openTestDb()
  await fill(t.db)
  const derived = { table: 'build', column: 'state', states: Object.keys(STATE_NUMBER) }
  const all = MACHINES.map(({ transitions, ...each }) => ({
    ...each,
    states: statesOf(transitions),
  }))
  for (const { table, column, states } of [...all, derived]) {
    const set = async (state: string): Promise<unknown> =>
      await sql`update ${sql.table(table)} set ${sql.ref(column)} = ${state}`.execute(t.db)
    for (const state of states) await set(state)
    await assert.rejects(set('lost'), /violates check constraint/, `${table}.${column}`)
    const { rows } = await sql<{ text: string }>`
      select pg_get_constraintdef(oid) as text from pg_constraint
      where conrelid = ${table}::regclass and contype = 'c'`.execute(t.db)
    const check = rows.find(({ text }) => text.includes(`CHECK ((${column} = ANY`))
    const known = [...(check?.text ?? '').matchAll(/'(\w+)'/g)].map(([, state]) => state)
    assert.deepEqual(new Set(known), new Set(states), `${table}.${column}`)
  }
})

/** Detects code that writes a state column: in SQL, or by circumventing the types of the schema, which forbid it. */
function writesState(source: string): boolean {
  const updates = source.matchAll(
    /\bupdate (?:build|build_chroot|task|machine)\b([\s\S]*?)(?:\bwhere\b|\bfrom\b|`)/g,
  )
  return (
    [...updates].some(([, set]) => /\b(?:source_)?state\s*=/.test(set ?? '')) ||
    /\bfixtures\(/.test(source) ||
    /as (?:object as )?Updateable</.test(source)
  )
}

test('only files in states/ write state columns', () => {
  const packages = new URL('../../../', import.meta.url)
  const files = globSync('*/src/**/*.ts', { cwd: packages }).filter(
    (file) => !/\.test\.ts$|\/testing\/|^testkit\/|^domain\/src\/states\//.test(file),
  )
  assert.ok(files.length > 500, `${files.length} files`)
  const writers = files.filter((file) => writesState(readFileSync(new URL(file, packages), 'utf8')))
  assert.deepEqual(writers, [])
})

for (const source of [
  "sql`update task set state = 'done' where id = 1`",
  'sql`update build\n  set source_state = ${state} from next`',
  "fixtures(db).updateTable('task')",
  ".set({ state: 'done' } as Updateable<TaskTable>)",
])
  test(`a write to a state column is detected: ${source.slice(0, 40)}`, () =>
    assert.ok(writesState(source)))
test('reading a state and writing other columns are not reported as writes to a state column', () =>
  assert.ok(!writesState("sql`update task set lease = null where state = 'done'`")))
