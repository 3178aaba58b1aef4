import { type FailureCategory, failureOutsideLogs } from '@copr/contract/failure'
import { finishTask } from '@copr/domain/builds/task-outcomes'
import type { Backend } from '../context.ts'
import { isOurs } from '../gateway/finish.ts'
import type { Results } from './results.ts'

/** Fails a build whose results can never be published. Keeps its logs, but not its packages. */
export async function failResults(
  { db, store, log, now }: Backend,
  { task, lease, staged, place }: Results,
  { reason, category }: { reason: string; category: FailureCategory },
): Promise<void> {
  log.warn({ reason }, 'Results refused')
  const names = (task.payload ?? []).map(({ name }) => name)
  const kept = names.filter((name) => !name.endsWith('.rpm') && !isOurs(name))
  await store.place(staged, kept, place)
  await store.note(place, `${now().toISOString()} failed: ${reason}`)
  const finished = await finishTask(
    db,
    lease,
    { kind: 'failed', reason, failure: failureOutsideLogs(category) },
    now(),
  )
  if (finished === undefined) return
  await store.unplace(
    place,
    names.filter((name) => name.endsWith('.rpm')),
  )
  await store.sealLogs(place)
  await store.dropStaged(staged)
}
