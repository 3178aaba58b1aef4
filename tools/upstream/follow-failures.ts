import { appendFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDb } from '@copr/domain/database/open'

const EVERY_MS = 1000

/** Appends a line to a file for each failed build, with the reason, because tests delete their projects together with the reasons. */
export async function followFailures(database_url: string, file: string): Promise<void> {
  const db = openDb(database_url, { max_connections: 1 })
  const seen = new Set<string>()
  for (;;) {
    const sources = await db
      .selectFrom('build')
      .innerJoin('project', 'project.id', 'project_id')
      .select(['build.id', 'ownername', 'name', 'fail_reason as reason'])
      .where('source_state', '=', 'failed')
      .execute()
    const chroots = await db
      .selectFrom('build_chroot')
      .innerJoin('build', 'build.id', 'build_id')
      .innerJoin('project', 'project.id', 'project_id')
      .select(['build.id', 'ownername', 'project.name', 'state_reason as reason'])
      .where('build_chroot.state', '=', 'failed')
      .execute()
    for (const { id, ownername, name, reason } of [...sources, ...chroots]) {
      const line = `${ownername}/${name} build ${id}: ${reason}\n`
      if (seen.has(line)) continue
      seen.add(line)
      await appendFile(file, line)
    }
    await sleep(EVERY_MS)
  }
}
