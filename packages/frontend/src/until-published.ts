import type { Db } from '@copr/domain/database/open'
import { hasPublishedRepositories } from '@copr/domain/projects/published'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 100

/**
 * Returns a function that waits until each repository of a project has been published once, so that the new project can be used
 * immediately. It gives up after `wait_seconds`, because the backend may be down.
 */
export function publishedWaiter({
  db,
  wait_seconds = 10,
}: {
  db: Db
  wait_seconds?: number
}): (project_id: number) => Promise<void> {
  return async (project_id) => {
    const tries = Math.ceil((wait_seconds * 1000) / POLL_MS)
    for (let i = 0; i < tries; i++) {
      if (await hasPublishedRepositories(db, project_id)) return
      await sleep(POLL_MS)
    }
  }
}
