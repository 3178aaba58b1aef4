import type { Insertable, Selectable } from 'kysely'
import type { Db } from '../database/open.ts'
import type { WaitingReasonTable } from '../database/schema.ts'

export type WaitingReason = Selectable<WaitingReasonTable>
export type NewReason = Omit<Insertable<WaitingReasonTable>, 'since'>

const keyOf = ({ arch, tags, ownername, sandbox, reason }: NewReason): string =>
  JSON.stringify([arch, tags, ownername, sandbox, reason])

/** Stores the reasons why no machine is started for waiting tasks. A reason that was already stored keeps its `since`. */
export async function setWaitingReasons(db: Db, reasons: NewReason[], now: Date): Promise<void> {
  const known = await db.selectFrom('waiting_reason').selectAll().execute()
  const since = new Map(known.map((each) => [keyOf(each), each]))
  const isSame =
    known.length === reasons.length &&
    reasons.every((each) => since.get(keyOf(each))?.tasks === each.tasks)
  if (isSame) return
  const values = reasons.map((each) => ({ ...each, since: since.get(keyOf(each))?.since ?? now }))
  await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('waiting_reason').execute()
    for (let at = 0; at < values.length; at += 1000)
      await tx
        .insertInto('waiting_reason')
        .values(values.slice(at, at + 1000))
        .execute()
  })
}

/** Lists the reasons, oldest first. `arch` is empty for tasks that can run on any architecture. */
export async function waitingReasons(db: Db): Promise<WaitingReason[]> {
  return await db.selectFrom('waiting_reason').selectAll().orderBy('since').execute()
}
