import { sql } from 'kysely'
import type { Db } from '../database/open.ts'

/** For tests: inserts `count` queued `source` tasks, each with its own build. */
export async function addTasks(
  db: Db,
  now: Date,
  owner: string,
  count: number,
  task: { arch?: string; tags?: string[]; priority?: number; at?: Date; sandbox?: string } = {},
): Promise<void> {
  await sql`
    with u as (insert into user_account (username, created_at) values (${owner}, ${now})
        on conflict (username) do update set username = excluded.username returning id),
      p as (insert into project (ownername, name, user_id, created_at)
        select ${owner}, 'p' || gen_random_uuid(), id, ${now} from u returning id),
      d as (insert into project_dir (project_id, name, created_at) select id, 'p', ${now} from p returning id, project_id),
      b as (insert into build (project_id, project_dir_id, source_type, source_json, source_state, state, submitted_at, timeout_seconds)
        select project_id, id, 'link', '{}', 'pending', 'pending', ${now}, 60 from d, generate_series(1, ${count}) returning id, project_id)
    insert into task (task_id, kind, build_id, arch, tags, ownername, project_id, sandbox, priority, queued_at)
    select b.id::text, 'source', b.id, ${task.arch ?? null}, ${task.tags ?? []}, ${owner}, b.project_id, ${task.sandbox ?? `${owner}/p--${owner}`},
      ${task.priority ?? 0}, ${task.at ?? now}::timestamptz + b.id * interval '1 ms' from b`.execute(
    db,
  )
}
