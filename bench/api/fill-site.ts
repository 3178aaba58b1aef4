import {
  audit_entries,
  chroots,
  giant_chroots,
  giant_dirs,
  giant_packages,
  groups,
  packages,
  projects,
  users,
} from './sizes.ts'

const WORDS = `array['python','rust','golang','nodejs','perl','ruby','gnome','kernel','lib','mesa','vim','emacs','text','http','json','yaml',
  'crypto','image','audio','video','cloud','agent','server','client','tools','docs','nightly','stable','test','copr']`

const word = (seed: string): string => `(${WORDS})[1 + (${seed}) % 30]`
export const at = (id: string): string =>
  `timestamptz '2022-01-01' + ${id} * interval '140 seconds'`

type Step = [what: string, sql: string]

/** The steps that fill everything except builds, in order. User 1 owns the giant (the largest project); user 2 administers the site. */
export const FILL_SITE: Step[] = [
  [
    'users and groups',
    `insert into user_account (id, username, email, created_at, is_admin, provider_groups) overriding system value
     select id, 'user' || id, 'user' || id || '@example.org', ${at('id')}, id = 2, case id when 1 then '{crew,packagers}'::text[] else '{}' end
     from generate_series(1, ${users}) id;
     insert into user_group (id, name, created_at) overriding system value
     select id, 'group' || id, ${at('id')} from generate_series(1, ${groups}) id;
     insert into group_member select 1 + id % ${groups}, 1 + (id * 7) % ${users} from generate_series(1, 2000) id on conflict do nothing;
     insert into group_member select id, 1 from generate_series(1, 10) id on conflict do nothing;
     insert into session (token_hash, user_id, created_at, expires_at)
     select sha256(('session' || id)::bytea), 1 + id % ${users}, ${at('id')}, '2100-01-01' from generate_series(1, 20000) id;
     insert into login_failure (key, failures, last_at) select 'user' || id, 1, ${at('id')} from generate_series(1, 1000) id`,
  ],
  [
    'chroots',
    `insert into chroot (id, name, os_release, os_version, arch, distgit_branch, config, created_at, is_active, ended_at) overriding system value
     select id, os || '-' || version || '-' || arch, os, version, arch, 'f' || version,
       jsonb_build_object('name', os || '-' || version || '-' || arch, 'comment', '', 'repos', '[]'::jsonb, 'install', '[]'::jsonb, 'macros', '{}'::jsonb, 'tags', '[]'::jsonb),
       ${at('id')}, id <= ${chroots - 8}, case when id > ${chroots - 8} then ${at('id * 1000')} end
     from (select id, (array['fedora','epel'])[1 + id % 2] os, (40 - id / 4)::text as version, (array['x86_64','aarch64'])[1 + (id / 2) % 2] arch
           from generate_series(1, ${chroots}) id) as each;
     insert into chroot_alias select 'alma-' || n, 'epel-' || n from generate_series(30, 39) n`,
  ],
  [
    'projects',
    `insert into project (id, ownername, name, user_id, description, instructions, unlisted_on_hp, created_at, deleted_at, public_key, webhook_secret) overriding system value
     select id, case when id > 3 and id % 10 = 0 then '@group' || (1 + owner % ${groups}) else 'user' || owner end,
       case id when 1 then 'giant' when 2 then 'mass-rebuild' else ${word('id')} || '-' || ${word('id / 30')} || '-' || id end,
       owner, 'Builds of ' || ${word('id * 7')} || ' and ' || ${word('id * 11')} || ', made of ' || md5(id::text) || '. ' || repeat(${word('id * 3')} || ' for everybody. ', id % 30),
       case when id % 3 = 0 then 'Enable it, then install ' || ${word('id * 13')} else '' end,
       id = 2 or id % 20 = 0, ${at('id * 50')}, case when id > 3 and id % 50 = 0 then ${at('id * 60')} end, 'key', md5('hook' || id)
     from (select id, case when id <= 3 then id else 1 + floor(${users} * power(random(), 2))::int end as owner from generate_series(1, ${projects}) id) as each;
     -- As its trigger does.
     insert into project_search (project_id, text)
     select id, lower(ownername || '/' || name || ' ' || description || ' ' || instructions) from project;
     insert into project_dir (id, project_id, name, created_at) overriding system value
     select id, id, name, created_at from project;
     insert into project_dir (id, project_id, name, created_at, last_build_at) overriding system value
     select ${projects} + n, 1, 'giant:pr:' || n, ${at('n * 1000')}, '2100-01-01' from generate_series(1, ${giant_dirs}) n;
     insert into project_chroot (project_id, chroot_id, additional_packages, comps, comps_name)
     select id, 1 + (id * 7 + k) % ${chroots}, '{gcc,make}', repeat('<comps/>', 50), 'comps.xml'
     from project, generate_series(0, ${giant_chroots - 1}) k where k <= case id when 1 then ${giant_chroots - 1} else id % 6 end;
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
    'audit entries',
    `insert into audit_log (at, user_id, actor, via, action, project_id, subject, details)
     select ${at('id * 2')}, case when by > 0 then by end, case by when 0 then 'webhook' when -1 then 'coprctl' else 'user' || by end,
       case by when 0 then 'webhook' when -1 then 'command' else 'web' end, 'project.edit',
       1 + floor(${projects} * power(random(), 3))::int, 'a project', '{"description": "new"}'
     from (select id, case when id % 10 = 0 then 0 when id % 20001 = 1 then -1 else 1 + floor(${users} * power(random(), 3))::int end as by
           from generate_series(1, ${audit_entries}) id) as each order by id`,
  ],
  [
    'permissions, tokens, pools, machines, actions',
    `insert into project_permission (project_id, user_id, builder, admin)
     select 1 + (id * 3) % ${projects}, 1 + (id * 7) % ${users}, 'approved', 'nothing' from generate_series(1, 30000) id on conflict do nothing;
     insert into project_permission (project_id, user_id, builder, admin)
     select 1, id, 'approved', 'request' from generate_series(100, 150) id on conflict do nothing;
     insert into api_token (user_id, login, token_hash, expires_on, created_at)
     select id, md5('login' || id), sha256(id::text::bytea), '2100-01-01', ${at('id')} from generate_series(4, ${users}) id;
     insert into api_token (user_id, login, token_hash, expires_on, created_at, name, scopes)
     select 1 + id % 1000, md5('named' || id), sha256(('named' || id)::bytea), '2100-01-01', ${at('id')}, 'token' || id, '{build}' from generate_series(1, 20000) id;
     insert into pool (name, provider, config, position, configured_at, one_sandbox, cleans, reuse_opportunity_time, reuse_max_count, reuse_max_time, claim_rank, on_demand)
     select 'cloud' || id, 'aws', '{}', id, ${at('id')}, true, true, 60, 10, 3600, 0, '{}' from generate_series(0, 9) id;
     insert into offering (pool, name, price_per_hour) select 'cloud' || id % 10, 'type' || id, 0.1 from generate_series(1, 40) id;
     insert into machine (pool, name, state, created_at, gone_at, provider, provider_id, offering, last_seen_at)
     select 'cloud' || id % 10, 'builder' || id, case when id > 49900 then 'ready' else 'gone' end, ${at('id * 20')},
       case when id <= 49900 then ${at('id * 21')} end, 'aws', 'i-' || id, 'type' || id % 40, ${at('id * 21')} from generate_series(1, 50000) id;
     insert into machine_event (machine_id, pool, at, kind, text)
     select 1 + id / 4, 'cloud' || (1 + id / 4) % 10, ${at('id * 5')}, 'state', 'it became something else' from generate_series(1, 199999) id;
     insert into waiting_reason (arch, tags, ownername, sandbox, tasks, reason, since)
     select 'x86_64', '{}', 'user' || id, 'box', 100, 'all pools are full', ${at('id')} from generate_series(1, 200) id;
     insert into action (kind, project_id, data, created_at, ended_at) select 'fork', 3 + id, '{}', ${at('id')}, ${at('id')} from generate_series(1, 5000) id;
     insert into removal (place, path, wanted_at) select 'results', 'user1/giant/' || id, ${at('id')} from generate_series(1, 1000) id`,
  ],
]
