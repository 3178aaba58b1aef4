import pg from 'pg'

/** How much there is; everything else follows. */
export const SIZES = {
  builds: 1_000_000,
  packages: 60_000,
  projects: 20_000,
  users: 5000,
  groups: 200,
  chroots: 20,
  /** Of the first project. */
  giant_packages: 10_000,
  giant_dirs: 30,
  /** Builds of an unlisted project that came last, one after the other: a mass rebuild. */
  mass_rebuild: 20_000,
  finished_tasks: 500_000,
  audit_entries: 500_000,
}

const { builds, packages, projects, users, groups, chroots } = SIZES
const { giant_packages, giant_dirs, mass_rebuild, finished_tasks, audit_entries } = SIZES

/** The package of build `id`: every fifth build is the giant project's; of the others, few packages have most. */
const PACKAGE_OF_BUILD = `case
  when id > ${builds - mass_rebuild} then ${giant_packages + 2}
  when id % 5 = 0 then 1 + floor(${giant_packages} * power(random(), 1.5))::int
  else ${giant_packages + 1} + floor(${packages - giant_packages} * power(random(), 2))::int end`

const WORDS = `array['python','rust','golang','nodejs','perl','ruby','gnome','kernel','lib','mesa','vim','emacs','text','http','json','yaml',
  'crypto','image','audio','video','cloud','agent','server','client','tools','docs','nightly','stable','test','copr']`

const word = (seed: string): string => `(${WORDS})[1 + (${seed}) % 30]`
const at = (id: string): string => `timestamptz '2022-01-01' + ${id} * interval '140 seconds'`

/** In this order; each is one statement. */
const STEPS: [what: string, sql: string][] = [
  [
    'users and groups',
    `insert into user_account (id, username, email, created_at) overriding system value
     select id, 'user' || id, 'user' || id || '@example.org', ${at('id')} from generate_series(1, ${users}) id;
     insert into user_group (id, name, created_at) overriding system value
     select id, 'group' || id, ${at('id')} from generate_series(1, ${groups}) id;
     insert into group_member select 1 + id % ${groups}, 1 + (id * 7) % ${users} from generate_series(1, 2000) id on conflict do nothing`,
  ],
  [
    'chroots',
    `insert into chroot (id, name, os_release, os_version, arch, distgit_branch, config, created_at) overriding system value
     select id, os || '-' || version || '-' || arch, os, version, arch, 'f' || version,
       jsonb_build_object('name', os || '-' || version || '-' || arch, 'comment', '', 'repos', '[]'::jsonb, 'install', '[]'::jsonb, 'macros', '{}'::jsonb, 'tags', '[]'::jsonb),
       ${at('id')}
     from (select id, (array['fedora','epel'])[1 + id % 2] os, (40 + id / 4)::text as version, (array['x86_64','aarch64'])[1 + (id / 2) % 2] arch
           from generate_series(1, ${chroots}) id) as each`,
  ],
  [
    'projects',
    `insert into project (id, ownername, name, user_id, description, instructions, unlisted_on_hp, created_at, deleted_at, public_key) overriding system value
     select id, case when id > 3 and id % 10 = 0 then '@group' || (1 + owner % ${groups}) else 'user' || owner end,
       case id when 1 then 'giant' when 2 then 'mass-rebuild' else ${word('id')} || '-' || ${word('id / 30')} || '-' || id end,
       owner, 'Builds of ' || ${word('id * 7')} || ' and ' || ${word('id * 11')} || ', made of ' || md5(id::text) || '. ' || repeat(${word('id * 3')} || ' for everybody. ', id % 30),
       case when id % 3 = 0 then 'Enable it, then install ' || ${word('id * 13')} else '' end,
       id = 2 or id % 20 = 0, ${at('id * 50')}, case when id > 3 and id % 50 = 0 then ${at('id * 60')} end, 'key'
     from (select id, case when id <= 3 then id else 1 + floor(${users} * power(random(), 2))::int end as owner from generate_series(1, ${projects}) id) as each;
     insert into project_dir (id, project_id, name, created_at) overriding system value
     select id, id, name, created_at from project;
     insert into project_dir (id, project_id, name, created_at) overriding system value
     select ${projects} + n, 1, 'giant:pr:' || n, ${at('n * 1000')} from generate_series(1, ${giant_dirs}) n;
     insert into project_chroot (project_id, chroot_id)
     select id, 1 + (id * 7 + k) % ${chroots} from project, generate_series(0, 3) k;
     insert into repository (project_dir_id, chroot_id, published_generation, published_at)
     select project_dir.id, chroot_id, 1, project_dir.created_at from project_dir join project_chroot using (project_id)`,
  ],
  [
    'packages',
    `insert into package (id, project_id, name, source_type, source_json, created_at) overriding system value
     select id, case when id <= ${giant_packages} then 1 when id = ${giant_packages + 2} then 2
         else 3 + floor(${projects - 2} * power(random(), 2))::int end,
       ${word('id')} || '-' || ${word('id / 30')} || '-' || ${word('id * 17')} || '-' || id, 'scm',
       jsonb_build_object('clone_url', 'https://git.example.org/' || id || '.git', 'spec', 'a.spec', 'type', 'git'), ${at('id * 10')}
     from generate_series(1, ${packages}) id`,
  ],
  [
    'builds',
    `insert into build (id, project_id, project_dir_id, package_id, package_version, source_type, source_json, source_state,
       source_started_at, source_ended_at, srpm_name, state, submitter_id, submitted_at, finished_at, timeout_seconds) overriding system value
     select each.id, project_id,
       case when project_id = 1 and each.id % 10 = 0 then ${projects} + 1 + (each.id / 10) % ${giant_dirs} else project_id end,
       package_id, '1.' || each.id % 100 || '-1', 'scm', source_json, case when state = 'running' then 'succeeded' else state end,
       ${at('each.id')}, ${at('(each.id + 1)')}, package.name || '-1.' || each.id % 100 || '-1.src.rpm', state,
       1 + each.id % ${users}, ${at('each.id')}, case when state <> 'running' then ${at('(each.id + 10)')} end, 18000
     from (select id, ${PACKAGE_OF_BUILD} as package_id,
             case when id > ${builds - 300} then 'running' when id % 23 < 4 then 'failed' when id % 41 = 0 then 'canceled' else 'succeeded' end as state
           from generate_series(1, ${builds}) id) as each join package on package.id = package_id
     order by each.id`,
  ],
  [
    'build chroots',
    `insert into build_chroot (id, build_id, chroot_id, state, result_dir, started_at, ended_at, seconds) overriding system value
     select build.id * 4 + k, build.id, 1 + (project_id * 7 + k) % ${chroots}, state, lpad(build.id::text, 8, '0') || '-package',
       submitted_at, finished_at, '{"root": 2, "rpmbuild": 60}'
     from build, generate_series(0, 3) k where k <= build.id % 4 order by build.id`,
  ],
  [
    'built packages',
    `insert into built_package (build_chroot_id, name, version, release, arch)
     select build.id * 4, 'name' || k, '1.0', '1', 'x86_64' from build, generate_series(1, 4) k
     where build.id % 4 = 0 and state = 'succeeded'`,
  ],
  [
    'tasks',
    `insert into task (task_id, kind, build_id, state, ownername, project_id, sandbox, queued_at)
     select build.id::text, 'source', build.id, 'done', ownername, project_id, 'box', submitted_at
     from build join project on project.id = project_id where build.id between ${builds - finished_tasks} and ${builds - 300};
     insert into task (task_id, kind, build_id, build_chroot_id, state, ownername, project_id, sandbox, queued_at, lease_until)
     select build.id || '-' || chroot.name, 'rpm', build.id, build_chroot.id, case when build.id % 5 = 0 then 'leased' else 'queued' end,
       ownername, project_id, 'box', submitted_at, case when build.id % 5 = 0 then submitted_at end
     from build join project on project.id = project_id join build_chroot on build_chroot.build_id = build.id join chroot on chroot.id = chroot_id
     where build.id > ${builds - 300}`,
  ],
  [
    'audit entries, permissions, tokens',
    `insert into audit_log (at, user_id, actor, via, action, project_id, subject, details)
     select ${at('id * 2')}, 1 + id % ${users}, 'user' || (1 + id % ${users}), 'web', 'project.edit', 1 + floor(${projects} * power(random(), 3))::int, 'a project', '{"description": "new"}'
     from generate_series(1, ${audit_entries}) id;
     insert into project_permission (project_id, user_id, builder, admin)
     select 1 + (id * 3) % ${projects}, 1 + (id * 7) % ${users}, 'approved', 'nothing' from generate_series(1, 30000) id on conflict do nothing;
     insert into api_token (user_id, login, token_hash, expires_on, created_at)
     select id, md5('login' || id), sha256(id::text::bytea), '2100-01-01', ${at('id')} from generate_series(4, ${users}) id`,
  ],
]

const WITH_IDENTITY = [
  'user_account',
  'user_group',
  'chroot',
  'project',
  'project_dir',
  'package',
  'build',
  'build_chroot',
]

/** Fills a migrated database, unless an earlier run has. The same every time. */
export async function fillDatabase(url: string, say: (line: string) => void): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query(`select 1 from build where id = ${builds}`)
    if (rows.length > 0) return
    await client.query(`select setseed(0.5); set work_mem = '256MB';
      -- What is made here refers to what is there: the checks would take most of the time.
      set session_replication_role = replica`)
    for (const [what, sql] of STEPS) {
      const began = Date.now()
      // One transaction, so that a run that is stopped leaves all or nothing of it.
      await client.query(sql)
      say(`${what}: ${((Date.now() - began) / 1000).toFixed(1)} s`)
    }
    for (const table of WITH_IDENTITY)
      await client.query(
        `select setval(pg_get_serial_sequence('${table}', 'id'), (select max(id) from ${table}))`,
      )
    await client.query('set session_replication_role = origin')
    // As autovacuum does in time.
    await client.query('vacuum analyze')
  } finally {
    await client.end()
  }
}
