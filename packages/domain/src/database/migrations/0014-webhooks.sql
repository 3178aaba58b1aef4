-- Signed webhooks, the log of webhook deliveries, secrets of projects, and commit statuses.

alter table project
  -- whether webhooks are accepted only with a valid signature
  add column webhook_signed_only boolean not null default false,
  -- which pull requests are built: from all repositories, from the package's own repository, or none
  add column webhook_pull_requests text not null default 'all'
    check (webhook_pull_requests in ('all', 'own', 'none'));

-- Secrets, which keygen seals: the database and its dumps hold none in plain text.
create table project_secret (
  id bigint generated always as identity primary key,
  project_id bigint not null references project,
  -- git: credentials for repositories; forge: a token for commit statuses; webhook: the key that signs deliveries
  kind text not null check (kind in ('git', 'forge', 'webhook')),
  -- git: the beginning of repository URLs; forge: the forge's URL; webhook: empty
  url text not null,
  username text,
  -- the software of the forge, and the base URL of its API
  forge text check (forge in ('github', 'gitlab', 'forgejo')),
  api_url text,
  sealed bytea not null,
  changed_at timestamptz not null,
  -- the problem at the last use
  last_error text,
  unique (project_id, kind, url)
);

create table webhook_delivery (
  id bigint generated always as identity primary key,
  project_id bigint not null references project,
  received_at timestamptz not null,
  forge text not null check (forge in ('github', 'gitlab', 'bitbucket', 'forgejo', 'custom')),
  event text,
  -- the forge's own ID of the delivery
  delivery_key text,
  remote_address text,
  -- the package and the directory that the URL names
  package_name text,
  dirname text,
  headers jsonb not null default '{}',
  -- the beginning of the body; null if its sender was not verified
  body bytea,
  body_bytes bigint not null,
  outcome text not null check (outcome in ('processing', 'built', 'ignored', 'refused', 'failed')),
  reason text,
  -- one entry for each package: [{"package": "lens", "build_id": 12, "reason": "…"}]
  decisions jsonb not null default '[]',
  replay_of bigint references webhook_delivery on delete set null
);
create index webhook_delivery_project on webhook_delivery (project_id, id);
create index webhook_delivery_received on webhook_delivery (received_at);
create index webhook_delivery_replay on webhook_delivery (replay_of) where replay_of is not null;

-- What a project has received already: the IDs and digests of signed deliveries, and tags that forges report by two events.
create table webhook_seen (
  project_id bigint not null references project,
  key text not null,
  seen_at timestamptz not null,
  -- whether it was processed; if not, its server was stopped, and the forge may send it again
  is_done boolean not null default false,
  primary key (project_id, key)
);
create index webhook_seen_at on webhook_seen (seen_at);

-- The statuses that are to be set on the commits that webhooks build.
create table commit_status (
  build_id bigint primary key references build on delete cascade,
  project_id bigint not null references project,
  -- the URL of the forge, as in project_secret, and the path of the repository there
  forge_url text not null,
  repository text not null,
  commit text not null,
  context text not null,
  reported text check (reported in ('pending', 'success', 'failure', 'error')),
  attempts integer not null default 0,
  created_at timestamptz not null,
  -- when to look next; null after the final state was delivered or given up
  due_at timestamptz,
  given_up text
);
create index commit_status_due on commit_status (due_at) where due_at is not null;
create index commit_status_project on commit_status (project_id);
