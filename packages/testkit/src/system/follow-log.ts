import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'

export interface FollowedLog {
  /** The log as it was read while the build ran, concatenated from range requests. */
  live: string
  /** The number of requests that returned new content. */
  growths: number
}

/** Reads a build's log with range requests while the build runs, as a page that follows the log does. Resolves when the build has ended. */
export async function followLog(api: ApiClient, id: number): Promise<FollowedLog> {
  const followed: FollowedLog = { live: '', growths: 0 }
  for (;;) {
    const build = await api.build(id)
    if (['succeeded', 'failed', 'canceled', 'skipped'].includes(build.state)) return followed
    if (build.chroots.length > 0) await readMore(api, id, followed)
    await sleep(300)
  }
}

async function readMore(api: ApiClient, id: number, followed: FollowedLog): Promise<void> {
  const { result_url } = await api.buildChroot(id)
  if (result_url === null) return
  const have = Buffer.byteLength(followed.live)
  const response = await fetch(`${result_url}builder-live.log`, {
    headers: { range: `bytes=${have}-` },
  })
  const text = await response.text()
  // 416: there is nothing new; 404: there is no log yet; 200: the build has ended in the meantime, and this is the whole log
  if (response.status !== 206 || text === '') return
  followed.live += text
  followed.growths += 1
}
