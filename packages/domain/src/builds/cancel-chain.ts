import { CoprError } from '@copr/process/errors'
import type { Actor } from '../audit/actor.ts'
import { startChain, unfinishedBuildsOf } from '../chains/chains.ts'
import type { Db } from '../database/open.ts'
import { cancelBuild } from './cancel.ts'

/** Cancels the unfinished builds of a chain; no builds can be added afterwards. Idempotent. */
export async function cancelChain(db: Db, actor: Actor, id: number, now: Date): Promise<void> {
  await unlessDone(startChain(db, id, now))
  for (const build_id of await unfinishedBuildsOf(db, id))
    await unlessDone(cancelBuild(db, actor, build_id, now))
}

/** Ignores the error of an operation that had nothing left to do. */
async function unlessDone(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof CoprError && error.kind === 'conflict')) throw error
  }
}
