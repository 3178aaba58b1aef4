import type { BuildEvent, MailEvent } from '@copr/contract/events'
import { type RawBuilder, sql } from 'kysely'
import { notify } from '../database/notify.ts'
import type { Tx } from '../database/open.ts'

/*
 * The transaction that makes a change calls these functions, so that an event is stored exactly if the change is committed. A build's
 * row is locked then, which makes the ids of its events ascend in the order of its changes.
 */

/** As in Copr, only the first attempt of a task is announced, not the repetitions after a lost builder. */
const FIRST_ATTEMPT = sql<boolean>`coalesce(task.attempts, 1) <= 1`

/** Stores an event of builds in chroots. The builds must already have their new state. */
export async function announceChroots(
  tx: Tx,
  ids: readonly number[],
  event: 'chroot.started' | 'chroot.finished',
): Promise<void> {
  const isStart = event === 'chroot.started'
  await store(
    tx,
    event,
    sql`select ${BUILD} || jsonb_build_object('chroot', chroot.name, 'state', build_chroot.state) as data,
        build.id as build_id, build.project_id, build_chroot.started_at is not null as has_started,
        ${isStart ? sql`build_chroot.started_at` : sql`build_chroot.ended_at`} as at, build_chroot.id as rank
      from build_chroot join chroot on chroot.id = build_chroot.chroot_id
        join build on build.id = build_chroot.build_id ${JOINED}
        left join task on task.build_chroot_id = build_chroot.id and task.kind = 'rpm'
      where build_chroot.id = any(${[...ids]}::int[]) and (${isStart ? FIRST_ATTEMPT : sql`true`})`,
  )
}

/** Stores an event of a build's source. `state` is that of the source package, even if its import has not finished. */
export async function announceSource(
  tx: Tx,
  build_id: number,
  event: 'source.started' | 'source.finished',
  state: 'starting' | 'succeeded' | 'failed' | 'canceled',
): Promise<void> {
  const isStart = event === 'source.started'
  await store(
    tx,
    event,
    sql`select ${BUILD} || jsonb_build_object('state', ${state}::text) as data, build.id as build_id, build.project_id,
        build.source_started_at is not null as has_started,
        ${isStart ? sql`build.source_started_at` : sql`build.source_ended_at`} as at, 0 as rank
      from build ${JOINED} left join task on task.build_id = build.id and task.kind = 'source'
      where build.id = ${build_id} and (${isStart ? FIRST_ATTEMPT : sql`true`})`,
  )
}

/** Stores the event that a build has finished in all chroots. */
export async function announceBuild(tx: Tx, build_id: number): Promise<void> {
  await store(
    tx,
    'build.finished',
    sql`select ${BUILD} || jsonb_build_object('state', build.state, 'chroots', coalesce((
          select jsonb_object_agg(chroot.name, build_chroot.state) from build_chroot
          join chroot on chroot.id = build_chroot.chroot_id where build_chroot.build_id = build.id), '{}')) as data,
        build.id as build_id, build.project_id, false as has_started, build.finished_at as at, 0 as rank
      from build ${JOINED} where build.id = ${build_id} and build.forked_from is null`,
  )
}

/** The fields that the data of all build events have. */
const BUILD: RawBuilder<object> = sql`jsonb_build_object('ownername', project.ownername, 'projectname', project.name,
  'project_dirname', project_dir.name, 'build_id', build.id, 'submitter', coalesce(submitter.username, build.submitted_by),
  'package', jsonb_build_object('name', package.name, 'version', build.package_version))`

const JOINED = sql`join project on project.id = build.project_id
  join project_dir on project_dir.id = build.project_dir_id
  left join user_account submitter on submitter.id = build.submitter_id
  left join package on package.id = build.package_id`

/**
 * Stores build events in each queue that wants them. The message bus gets no `build.finished`, and other events only if the work had
 * started.
 */
async function store(tx: Tx, event: BuildEvent, events: RawBuilder<unknown>): Promise<void> {
  const isOnBus = event !== 'build.finished'
  const { rows } = await sql`
    insert into outbox (queue_id, ordering, event, data, created_at)
    select queue.id, 'build ' || happened.build_id, ${event}, happened.data, coalesce(happened.at, now())
    from (${events}) happened cross join lateral (
      select id from outbox_queue
      where channel = 'amqp' and is_enabled and ${isOnBus} and happened.has_started
      union all
      select outbox_queue.id from project_webhook join outbox_queue on outbox_queue.webhook_id = project_webhook.id
      where project_webhook.project_id = happened.project_id and is_enabled and ${event} = any(project_webhook.events)
    ) queue
    order by happened.rank
    returning id`.execute(tx)
  if (rows.length > 0) await notify(tx, 'copr_outbox')
}

/** Stores an event for mail to users, if the site sends mail. The address is looked up when the mail is sent. */
export async function announceMail(
  tx: Tx,
  event: MailEvent,
  { recipients, data, now }: { recipients: readonly number[]; data: object; now: Date },
): Promise<void> {
  const { rows } = await sql`
    insert into outbox (queue_id, ordering, event, data, created_at)
    select outbox_queue.id, 'user ' || user_account.id, ${event},
      ${JSON.stringify(data)}::jsonb || jsonb_build_object('recipient_id', user_account.id), ${now}
    from outbox_queue cross join user_account
    where channel = 'mail' and is_enabled and user_account.id = any(${[...recipients]}::int[])
      and user_account.wants_mail and user_account.email is not null and user_account.blocked_at is null
    order by user_account.id
    returning id`.execute(tx)
  if (rows.length > 0) await notify(tx, 'copr_outbox')
}
