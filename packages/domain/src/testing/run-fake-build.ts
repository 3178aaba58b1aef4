import type { Db, Tx } from '../database/open.ts'
import type { Project } from '../projects/project-queries.ts'
import { lockBuild, refreshBuild } from '../states/build-state.ts'
import { moveChroots } from '../states/chroot-state.ts'
import { moveSource } from '../states/source-state.ts'
import { fixtures } from './fixtures.ts'

const CHROOTS = ['load-1-x86_64', 'load-2-x86_64']

/** The events of one build made with runFakeBuild(), in order. */
export const EXPECTED_EVENTS = {
  /** Events stored for the bus. */
  bus: [
    'source.started',
    'source.finished',
    ...CHROOTS.flatMap(() => ['chroot.started', 'chroot.finished']),
  ],
  /** Messages published on the bus: there are two for each start. */
  messages: [
    'build.start srpm-builds',
    'chroot.start srpm-builds',
    'build.end srpm-builds succeeded',
    ...CHROOTS.flatMap((name) => [
      `build.start ${name}`,
      `chroot.start ${name}`,
      `build.end ${name} failed`,
    ]),
  ],
  webhook: [
    'source.started',
    'source.finished',
    ...CHROOTS.flatMap((name) => [`chroot.started ${name}`, `chroot.finished ${name}`]),
    'build.finished',
  ],
}

/** For tests: takes a build through its states with the functions that real builds use, but without a builder; returns its id. */
export async function runFakeBuild(db: Db, project: Pick<Project, 'id'>): Promise<number> {
  const id = await insertBuild(db, project.id)
  const step = async (work: (tx: Tx, now: Date) => Promise<unknown>): Promise<void> =>
    await db.transaction().execute(async (tx) => {
      const now = new Date()
      await lockBuild(tx, id)
      await work(tx, now)
      await refreshBuild(tx, id, now)
    })
  await step((tx, now) => moveSource(tx, id, { to: 'starting', set: { source_started_at: now } }))
  await step((tx, now) => moveSource(tx, id, { to: 'importing', set: { source_ended_at: now } }))
  await step((tx) => moveSource(tx, id, { to: 'succeeded' }))
  const chroots = await db
    .selectFrom('build_chroot')
    .select('id')
    .where('build_id', '=', id)
    .orderBy('id')
    .execute()
  for (const chroot of chroots) {
    await step((tx) => moveChroots(tx, [chroot.id], { to: 'pending' }))
    await step((tx, now) =>
      moveChroots(tx, [chroot.id], { to: 'starting', set: { started_at: now } }),
    )
    await step((tx, now) => moveChroots(tx, [chroot.id], { to: 'failed', set: { ended_at: now } }))
  }
  return id
}

async function insertBuild(db: Db, project_id: number): Promise<number> {
  const dir = await db
    .selectFrom('project_dir')
    .select('id')
    .where('project_id', '=', project_id)
    .executeTakeFirstOrThrow()
  const now = new Date()
  const chroot = {
    os_release: 'load',
    arch: 'x86_64',
    distgit_branch: 'load',
    config: '{}',
    created_at: now,
  }
  await db
    .insertInto('chroot')
    .values(CHROOTS.map((name) => ({ ...chroot, name, os_version: name })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const chroots = await db
    .selectFrom('chroot')
    .select('id')
    .where('name', 'in', CHROOTS)
    .orderBy('name')
    .execute()
  return await db.transaction().execute(async (tx) => {
    const { id } = await fixtures(tx)
      .insertInto('build')
      .values({
        project_id,
        project_dir_id: dir.id,
        source_type: 'link',
        source_json: '{}',
        source_state: 'pending',
        state: 'pending',
        submitted_at: now,
        timeout_seconds: 60,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    const rows = chroots.map(({ id: chroot_id }) => ({
      build_id: id,
      chroot_id,
      state: 'waiting' as const,
    }))
    await fixtures(tx).insertInto('build_chroot').values(rows).execute()
    return id
  })
}
