import type { Action } from '@copr/domain/actions/actions'
import {
  adoptFork,
  dropUnlinkable,
  failForked,
  type ForkedChroot,
  insertForkedBuilds,
  unlinkedForks,
} from '@copr/domain/builds/forked-builds'
import { findProjectById } from '@copr/domain/projects/project-queries'
import { storageRefusal } from '@copr/domain/quotas/quota-check'
import { z } from 'zod'
import type { Backend } from '../context.ts'
import { resultPath, srpmPath } from '../store/paths.ts'

const Data = z.object({ source_id: z.number(), user_id: z.number() })

/**
 * Gives a forked project the latest results of its source. No RPM is copied: each file gets a second name, and each RPM becomes a member of
 * the fork's repositories. The RPMs keep the source's signature, so the fork's `pubkey.gpg` also contains the source's key.
 */
export async function fillFork(
  backend: Backend,
  action: Action,
  { keep, stop }: { keep: () => Promise<void>; stop: AbortSignal },
): Promise<void> {
  const { db, config, now, at = () => undefined } = backend
  const { source_id, user_id } = Data.parse(action.data)
  const target_id = action.project_id
  // The fork has been deleted in the meantime.
  const target = await findProjectById(db, target_id)
  if (!target) return
  await insertForkedBuilds(db, { source_id, target_id, user_id, now: now() })
  for (const fork of await unlinkedForks(db, target_id)) {
    stop.throwIfAborted()
    const wanted = { refusal: 'Cannot copy the results', bytes: fork.result_bytes }
    const refused = await storageRefusal(db, target, { ...wanted, limits: config.limits })
    if (refused !== undefined) {
      await failForked(db, fork, { reason: refused, now: now() })
      continue
    }
    at('link')
    if (!(await linkResults(backend, fork))) continue
    at('adopt')
    await adoptFork(db, fork, now())
    await keep()
  }
  await dropUnlinkable(db, target_id, now())
}

/** Links the results of one build chroot into the fork; returns false when the source no longer has them. */
async function linkResults({ store }: Backend, fork: ForkedChroot): Promise<boolean> {
  const { from, to } = fork
  const place = resultPath(to)
  if (!(await store.linkAll(resultPath(from), place))) return false
  await store.write(place, 'build.info', `build_id=${to.build_id}\nbuilder_ip=\n`)
  await store.linkAll(srpmPath(from), srpmPath(to))
  return true
}
