-- A chain: builds of one project that start in the order of their requirements. It is open until it is started, and ends with its last build.
create table chain (
  id bigint generated always as identity primary key,
  project_id bigint not null references project (id) on delete cascade,
  created_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz
);
create index chain_project_id on chain (project_id);
create index chain_unfinished on chain (id) where ended_at is null;

alter table build add column chain_id bigint references chain (id) on delete set null;
-- A chain builds each package once.
create unique index build_chain_package on build (chain_id, package_id) where chain_id is not null;

-- What is known about a build chroot of a chain. Dependencies are texts, as rpm prints them: `zlib-devel >= 1.3`.
create table chain_step (
  build_chroot_id bigint primary key references build_chroot (id) on delete cascade,
  -- The BuildRequires: first those in the header of the submitted SRPM, later those that the build had.
  requires text[] not null default '{}',
  -- The requirements that the last attempt did not find in the repositories.
  unmet text[] not null default '{}',
  -- What the spec declares; once the packages are built, what they provide.
  provides text[] not null default '{}',
  -- How many of the chain's packages were published in this chroot when the last attempt was queued; null before the first attempt.
  released_with int,
  -- Whether the build failed because nothing can provide its requirements any more.
  is_stuck boolean not null default false
);

-- A parked task waits until its chain puts it into the queue.
alter table task drop constraint task_state_check;
alter table task add constraint task_state_check check (state in ('parked', 'queued', 'leased', 'done'));
create index task_parked on task (ownername) where state = 'parked';
