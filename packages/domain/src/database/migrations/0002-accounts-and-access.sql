-- Accounts, groups, permissions, tokens and the audit log; what forks, devel mode and chroot settings need.

alter table user_account
  -- who the user is at the identity provider; null: a local user
  add oidc_issuer text,
  add oidc_subject text,
  -- the provider's groups at the last login: what the user may make an @group of
  add provider_groups text[] not null default '{}',
  -- a blocked user can neither log in nor use a token
  add blocked_at timestamptz;
create unique index user_account_oidc on user_account (oidc_issuer, oidc_subject) where oidc_subject is not null;

create table user_group (
  id bigint generated always as identity primary key,
  -- without the @
  name text not null unique,
  -- the identity provider's group whose members are the members; null: members are kept by administrators
  provider_group text unique,
  description text not null default '',
  created_at timestamptz not null
);

create table group_member (
  group_id bigint not null references user_group on delete cascade,
  user_id bigint not null references user_account on delete cascade,
  primary key (group_id, user_id)
);
create index group_member_user_id on group_member (user_id);

alter table session
  -- for the logout at the identity provider
  add id_token text;

-- A link that works once: the first administrator's, or a new password.
create table login_link (
  token_hash bytea primary key,
  user_id bigint not null references user_account on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null
);

create table login_failure (
  -- user name or address, in lower case
  key text primary key,
  failures integer not null,
  last_at timestamptz not null,
  blocked_until timestamptz
);

alter table api_token
  -- null: the user's classic token, of which there is one
  add name text,
  -- null: all
  add scopes text[],
  -- null: all projects that the user may touch
  add project_id bigint references project;
create unique index api_token_classic on api_token (user_id) where name is null;
create unique index api_token_name on api_token (user_id, name) where name is not null;

create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  -- null: the system itself, or a command of the administrator
  user_id bigint references user_account on delete set null,
  -- as it was then: a user name, coprctl, webhook
  actor text not null,
  -- how: web, token (its name), command, webhook, system
  via text not null,
  -- as noun.verb: project.edit
  action text not null,
  project_id bigint references project,
  -- what was changed, for people: dana/telescope, user kim
  subject text not null,
  -- why, where somebody said it
  reason text,
  -- what changed: field to value; never a secret
  details jsonb not null
);
create index audit_log_project_id on audit_log (project_id, id desc) where project_id is not null;
create index audit_log_user_id on audit_log (user_id, id desc) where user_id is not null;

create table project_permission (
  project_id bigint not null references project,
  user_id bigint not null references user_account on delete cascade,
  admin text not null default 'nothing' check (admin in ('nothing', 'request', 'approved')),
  builder text not null default 'nothing' check (builder in ('nothing', 'request', 'approved')),
  primary key (project_id, user_id)
);
create index project_permission_user_id on project_permission (user_id);

alter table project
  add webhook_secret text,
  add forked_from bigint references project,
  -- armoured public keys of the projects whose signed packages this one took over by a fork
  add inherited_keys text[] not null default '{}';

alter table project_dir
  add last_build_at timestamptz;

alter table project_chroot
  add comps text,
  -- tags that a builder must have for builds in this chroot
  add build_tags text[] not null default '{}';

alter table chroot
  -- end of life: set together with is_active = false; null and inactive: paused
  add ended_at timestamptz;

-- A name-release that dnf asks for, to the one whose chroots serve it.
create table chroot_alias (
  name_release text primary key,
  target text not null
);

alter table build
  -- of builds that no user submitted: what the webhook says of the sender
  add submitted_by text,
  -- of builds that a fork copied: the build whose results it shows
  add forked_from bigint;

-- In devel mode builds become members of the devel repository; the main one follows on request.
alter table repository
  add is_devel boolean not null default false;
alter table repository drop constraint repository_project_dir_id_chroot_id_key;
alter table repository add constraint repository_place unique (project_dir_id, chroot_id, is_devel);

-- Longer work that the backend does after the answer: copying a fork's results.
create table action (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('fork')),
  project_id bigint not null references project,
  data jsonb not null,
  created_at timestamptz not null,
  not_before timestamptz,
  attempts integer not null default 0,
  lease_until timestamptz,
  ended_at timestamptz,
  -- null: done well
  error text
);
create index action_waiting on action (id) where ended_at is null;

-- For lists and searches of a site with a million builds (docs/performance.md).
create extension if not exists pg_trgm;
create index build_project_state on build (project_id, state, id desc);
create index build_recent on build (id) include (project_id);
-- A package's latest builds are found in the index alone.
drop index build_package_id;
create index build_package_id on build (package_id, id desc) include (project_dir_id, state);
create index project_living on project (id) include (ownername, name) where deleted_at is null;
create index project_living_name on project (name, id) where deleted_at is null;
-- The expression is that of projects/search-projects.ts.
create index project_text on project
  using gin ((ownername || '/' || name || ' ' || description || ' ' || instructions) gin_trgm_ops)
  where deleted_at is null;
create index package_name_text on package using gin (name gin_trgm_ops);
create index project_chroot_enabled on project_chroot (chroot_id, project_id) where is_enabled;
