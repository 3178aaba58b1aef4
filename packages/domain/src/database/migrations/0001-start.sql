-- Names are Copr's (docs/glossary.md). Times are written by the programs, never by the server's clock, so that tests own the time.

create table user_account (
  id bigint generated always as identity primary key,
  username text not null unique,
  email text,
  is_admin boolean not null default false,
  -- scrypt, in the form salt:hash (users/passwords.ts); null: no password login
  password_hash text,
  created_at timestamptz not null
);

create table api_token (
  id bigint generated always as identity primary key,
  user_id bigint not null references user_account on delete cascade,
  login text not null unique,
  -- SHA-256: the token is random and long, so that a slow hash adds nothing
  token_hash bytea not null,
  expires_on date not null,
  created_at timestamptz not null,
  last_used_at timestamptz
);
create index api_token_user_id on api_token (user_id);

create table session (
  token_hash bytea primary key,
  user_id bigint not null references user_account on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null
);

create table chroot (
  id bigint generated always as identity primary key,
  name text not null unique,
  os_release text not null,
  os_version text not null,
  arch text not null,
  distgit_branch text not null,
  -- ChrootConfig (@copr/contract/chroot-config)
  config jsonb not null,
  comment text not null default '',
  is_active boolean not null default true,
  created_at timestamptz not null
);

create table project (
  id bigint generated always as identity primary key,
  -- a user name, or @group
  ownername text not null,
  name text not null,
  user_id bigint not null references user_account,
  homepage text,
  contact text,
  description text not null default '',
  instructions text not null default '',
  devel_mode boolean not null default false,
  persistent boolean not null default false,
  unlisted_on_hp boolean not null default false,
  auto_prune boolean not null default true,
  enable_net boolean not null default false,
  bootstrap text not null default 'default',
  isolation text not null default 'default',
  module_hotfixes boolean not null default false,
  appstream boolean not null default false,
  fedora_review boolean not null default false,
  multilib boolean not null default false,
  follow_fedora_branching boolean not null default true,
  repo_priority integer,
  delete_after timestamptz,
  additional_repos text[] not null default '{}',
  runtime_dependencies text[] not null default '{}',
  packit_forge_projects_allowed text[] not null default '{}',
  -- made together with the project; the public key is null until keygen answered
  key_algorithm text not null default 'rsa4096',
  public_key text,
  key_fingerprint text,
  created_at timestamptz not null,
  deleted_at timestamptz
);
create unique index project_name on project (ownername, name) where deleted_at is null;
create index project_user_id on project (user_id);

create table project_dir (
  id bigint generated always as identity primary key,
  project_id bigint not null references project,
  name text not null,
  created_at timestamptz not null,
  unique (project_id, name)
);

create table project_chroot (
  project_id bigint not null references project,
  chroot_id bigint not null references chroot,
  is_enabled boolean not null default true,
  -- set when the owner disabled it: its data goes at this time
  delete_after timestamptz,
  additional_repos text[] not null default '{}',
  additional_packages text[] not null default '{}',
  additional_modules text[] not null default '{}',
  with_opts text[] not null default '{}',
  without_opts text[] not null default '{}',
  bootstrap text not null default 'unchanged',
  bootstrap_image text,
  isolation text not null default 'unchanged',
  comps_name text,
  primary key (project_id, chroot_id)
);

create table package (
  id bigint generated always as identity primary key,
  project_id bigint not null references project,
  name text not null,
  source_type text not null,
  source_json jsonb not null,
  webhook_rebuild boolean not null default false,
  max_builds integer not null default 0,
  timeout_seconds integer not null default 0,
  chroot_denylist text not null default '',
  created_at timestamptz not null,
  unique (project_id, name)
);

-- Builds of a batch may start when every build of the batch that blocks it has finished.
create table batch (
  id bigint generated always as identity primary key,
  blocked_by bigint references batch
);

create table build (
  id bigint generated always as identity primary key,
  project_id bigint not null references project,
  project_dir_id bigint not null references project_dir,
  package_id bigint references package,
  package_version text,
  source_type text not null,
  source_json jsonb not null,
  source_state text not null,
  source_started_at timestamptz,
  source_ended_at timestamptz,
  srpm_name text,
  -- derived from source_state, canceled and the chroots' states (builds/build-state.ts), kept here for lists
  state text not null,
  -- one readable sentence when the source failed
  fail_reason text,
  canceled boolean not null default false,
  submitter_id bigint references user_account,
  submitted_at timestamptz not null,
  finished_at timestamptz,
  is_background boolean not null default false,
  timeout_seconds integer not null,
  enable_net boolean,
  bootstrap text not null default 'unchanged',
  isolation text not null default 'unchanged',
  -- the chroots asked for; null: all that the package has once it is known
  chroots_wanted text[],
  batch_id bigint references batch
);
create index build_project_id on build (project_id, id desc);
create index build_package_id on build (package_id, id desc);
create index build_batch_id on build (batch_id) where batch_id is not null;
create index build_unfinished on build (project_id) where finished_at is null;

create table repository (
  id bigint generated always as identity primary key,
  project_dir_id bigint not null references project_dir,
  chroot_id bigint not null references chroot,
  -- counts changes of the membership; the index of `published_generation` is what dnf sees
  generation bigint not null default 1,
  published_generation bigint not null default 0,
  published_at timestamptz,
  unique (project_dir_id, chroot_id)
);
create index repository_unpublished on repository (id) where generation > published_generation;

create table build_chroot (
  id bigint generated always as identity primary key,
  build_id bigint not null references build on delete cascade,
  chroot_id bigint not null references chroot,
  state text not null,
  state_reason text,
  git_commit text,
  -- below the project dir and chroot: 00000012-hello; null until a builder has started
  result_dir text,
  started_at timestamptz,
  ended_at timestamptz,
  -- set when the results became members: succeeded once the repository has published this generation
  repository_id bigint references repository,
  generation bigint,
  -- where the time went: phase to seconds
  seconds jsonb,
  unique (build_id, chroot_id)
);
create index build_chroot_unpublished on build_chroot (repository_id, generation) where state = 'running';

create table built_package (
  id bigint generated always as identity primary key,
  build_chroot_id bigint not null references build_chroot on delete cascade,
  name text not null,
  epoch integer,
  version text not null,
  release text not null,
  arch text not null
);
create index built_package_build_chroot_id on built_package (build_chroot_id);

create table repository_member (
  repository_id bigint not null references repository,
  -- below the repository's folder: 00000012-hello/hello-1-1.x86_64.rpm
  path text not null,
  build_chroot_id bigint not null references build_chroot on delete cascade,
  sha256 text not null,
  size bigint not null,
  primary key (repository_id, path)
);
create index repository_member_build_chroot_id on repository_member (build_chroot_id);

-- A machine that asks for tasks: a builder, or dist-git.
create table machine (
  id bigint generated always as identity primary key,
  pool text not null,
  name text not null,
  -- starting: not yet enrolled; ready; gone
  state text not null,
  enroll_token_hash bytea unique,
  session_token_hash bytea unique,
  kinds text[] not null default '{}',
  arches text[] not null default '{}',
  tags text[] not null default '{}',
  created_at timestamptz not null,
  enrolled_at timestamptz,
  last_seen_at timestamptz,
  gone_at timestamptz
);
create index machine_living on machine (pool) where state <> 'gone';

-- The queue. A task is leased, never handed over: a lapsed lease goes back to the queue.
create table task (
  id bigint generated always as identity primary key,
  -- 12 or 12-debian-12-x86_64
  task_id text not null,
  kind text not null check (kind in ('source', 'import', 'rpm', 'publish')),
  build_id bigint not null references build on delete cascade,
  build_chroot_id bigint references build_chroot on delete cascade,
  state text not null default 'queued' check (state in ('queued', 'leased', 'done')),
  -- what the machine must have; null: any
  arch text,
  tags text[] not null default '{}',
  -- who pays: for fairness and limits
  ownername text not null,
  project_id bigint not null references project,
  sandbox text not null,
  -- smaller first
  priority integer not null default 0,
  queued_at timestamptz not null,
  not_before timestamptz,
  attempts integer not null default 0,
  cancel_requested boolean not null default false,
  lease text unique,
  lease_until timestamptz,
  leased_at timestamptz,
  machine_id bigint references machine,
  phase text,
  -- what the task's outcome was, kept so that a repeated report gets the same answer
  last_lease text,
  -- publish tasks: the files that the builder brought (ResultFile[])
  payload jsonb,
  unique (task_id, kind)
);
create index task_queued on task (priority, queued_at, id) where state = 'queued';
create index task_leased on task (lease_until) where state = 'leased';
create index task_build_id on task (build_id);
create index task_build_chroot_id on task (build_chroot_id);
create index task_machine_id on task (machine_id) where state = 'leased';

-- Folders of the results tree and dist-git that nobody refers to any more: removed by the backend, then forgotten.
create table removal (
  id bigint generated always as identity primary key,
  -- results: a path below the results tree; distgit: owner/dirname
  place text not null check (place in ('results', 'distgit')),
  path text not null,
  wanted_at timestamptz not null
);
