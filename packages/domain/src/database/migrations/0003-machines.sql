-- Machines that come and go by themselves: pools, offerings, and all that the manager must know after a crash.

create table pool (
  name text primary key,
  provider text not null,
  -- the last accepted configuration; kept when the pool leaves the file, until its last machine is gone
  config jsonb not null,
  -- place in the file
  position integer not null,
  configured_at timestamptz not null,
  -- no longer in the file: its machines are drained
  retired_at timestamptz,
  -- what a claim needs of the configuration
  one_sandbox boolean not null,
  cleans boolean not null,
  reuse_opportunity_time double precision not null,
  reuse_max_count integer not null,
  reuse_max_time double precision not null,
  -- machines with a higher one ask first for work
  claim_rank integer not null,
  -- tasks that ask for one of these come first on its machines
  on_demand text[] not null,
  -- by an administrator: nothing is started
  cordoned boolean not null default false,
  -- nothing is started: until then, or with null until the configuration changes
  hold_reason text,
  held_until timestamptz,
  boot_failures integer not null default 0,
  throttled_until timestamptz,
  last_start_at timestamptz,
  -- the last whole listing: when it began; and why the last one failed
  listed_at timestamptz,
  list_tried_at timestamptz,
  list_error text
);

create table offering (
  pool text not null references pool on delete cascade,
  name text not null,
  -- offerings with the same one share a quota
  quota_group text not null default '',
  price_per_hour double precision not null,
  unavailable_until timestamptz,
  failure_class text,
  failure_text text,
  failed_at timestamptz,
  attempts integer not null default 0,
  successes integer not null default 0,
  -- exponential averages: the newest counts for a fifth
  success_rate double precision not null default 1,
  start_seconds double precision,
  primary key (pool, name)
);

alter table machine
  -- null: not started by the manager (dist-git, by hand, the builders of one host)
  add provider text,
  add provider_id text,
  add provider_data jsonb not null default '{}',
  add offering text,
  add price_per_hour double precision not null default 0,
  -- stored before the first call; the same token means the same machine
  add launch_token text unique,
  add attempt integer not null default 0,
  -- the whole order as first given, with the enrolment token: a repeated start must say the very same. Null once it has enrolled
  add launch_order jsonb,
  add id_in_pool integer,
  add counters jsonb not null default '{}',
  -- it may not claim more than its pool says; null: whatever it says
  add planned_arches text[],
  add planned_tags text[],
  add sandbox text,
  add sandboxed_at timestamptz,
  add uses integer not null default 0,
  add released_at timestamptz,
  -- it gets no task until it was cleaned
  add needs_cleaning boolean not null default false,
  add cordoned boolean not null default false,
  add held_until timestamptz,
  add held_reason text,
  add checked_at timestamptz,
  add check_failures integer not null default 0,
  add launching_at timestamptz,
  add booting_at timestamptz,
  add draining_at timestamptz,
  add deleting_at timestamptz,
  -- the last time that its provider has promised to end it
  add stopped_at timestamptz,
  add delete_attempts integer not null default 0,
  -- when to call its provider again
  add next_try_at timestamptz,
  add last_listed_at timestamptz,
  add absent_since timestamptz,
  add failure_class text,
  add failure_text text,
  add ended_cause text,
  -- up to when its costs are in pool_cost
  add cost_until timestamptz,
  add version integer not null default 0;
update machine set state = 'booting', booting_at = created_at where state = 'starting';
alter table machine add constraint machine_state
  check (state in ('planned', 'launching', 'booting', 'ready', 'draining', 'deleting', 'gone'));
create unique index machine_id_in_pool on machine (pool, id_in_pool) where state <> 'gone' and id_in_pool is not null;
create index machine_managed on machine (id) where state <> 'gone' and provider is not null;
create index machine_gone_at on machine (gone_at) where state = 'gone';

-- The audit of each machine.
create table machine_event (
  id bigint generated always as identity primary key,
  machine_id bigint references machine on delete cascade,
  pool text not null,
  at timestamptz not null,
  kind text not null,
  text text not null default ''
);
create index machine_event_machine_id on machine_event (machine_id, id);
create index machine_event_pool on machine_event (pool, id);

-- What clouds hold under our name and no machine owns: removed after the second sighting.
create table sighting (
  provider text not null,
  kind text not null,
  provider_id text not null,
  pool text,
  machine_id bigint,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  sightings integer not null default 1,
  remove_tried_at timestamptz,
  remove_error text,
  primary key (provider, kind, provider_id)
);

create table pool_cost (
  pool text not null,
  month date not null,
  amount double precision not null,
  primary key (pool, month)
);

-- Who acts: one manager; the others stand by.
create table manager_lease (
  name text primary key,
  holder text not null,
  held_since timestamptz not null,
  until timestamptz not null
);

-- What became of pools.yaml.
create table pools_file (
  only_one boolean primary key default true check (only_one),
  digest text not null,
  read_at timestamptz not null,
  accepted_at timestamptz,
  -- why the file as it is now is not in use; the one before it stays
  error text
);

-- Why tasks wait that no machine is coming for.
create table waiting_reason (
  arch text not null,
  tags text[] not null,
  ownername text not null,
  sandbox text not null,
  tasks integer not null,
  reason text not null,
  since timestamptz not null,
  primary key (arch, tags, ownername, sandbox)
);

-- Machines can show that they live only while a gateway is up.
create table gateway_beat (
  only_one boolean primary key default true check (only_one),
  up_since timestamptz not null,
  beat_at timestamptz not null
);
