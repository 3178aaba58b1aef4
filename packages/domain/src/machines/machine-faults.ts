import type { GoodbyeRequest, SelfTest } from '@copr/contract/builder-protocol'
import { notify } from '../database/notify.ts'
import type { Db } from '../database/open.ts'
import { hashOf } from './machines.ts'
import { type Machine, moveMachine } from '../states/machine-state.ts'

/**
 * Rejects the enrollment of a machine that failed its self-test: invalidates its token and, if the machine is managed, makes the manager
 * remove it. Returns undefined if the token is unknown.
 */
export async function refuseMachine(
  db: Db,
  { enroll_token, faults, now }: { enroll_token: string; faults: SelfTest['faults']; now: Date },
): Promise<Machine | undefined> {
  const machine = await db
    .selectFrom('machine')
    .selectAll()
    .where('enroll_token_hash', '=', hashOf(enroll_token))
    .where('state', 'in', ['launching', 'booting'])
    .executeTakeFirst()
  if (!machine) return undefined
  const failure_text = faults.map(({ message }) => message).join('; ')
  const set = {
    failure_class: `self_test_${faults[0]?.kind ?? 'setup'}`,
    failure_text,
    ended_cause: 'The self-test of the machine failed',
  }
  const to = machine.provider === null ? 'gone' : 'deleting'
  const moved = await moveMachine(db, machine, { to, now, text: failure_text, set })
  await notify(db, 'copr_machine')
  return moved
}

/** Drains a machine that has announced that it takes no further tasks; its manager removes it. */
export async function machineSaysGoodbye(
  db: Db,
  machine: Machine,
  { cause, reason }: GoodbyeRequest,
  now: Date,
): Promise<void> {
  if (machine.state !== 'ready') return
  const set = { failure_class: cause, failure_text: reason, ended_cause: reason }
  await moveMachine(db, machine, { to: 'draining', now, text: reason, set })
  await notify(db, 'copr_machine')
}
