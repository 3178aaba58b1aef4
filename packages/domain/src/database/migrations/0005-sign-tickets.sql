-- Rights to have digests signed, each for one use within two minutes. Keygen signs nothing without one.
create table sign_ticket (
  id uuid primary key,
  project_id bigint not null references project on delete cascade,
  -- of a build whose results are being published
  build_id bigint,
  task_id text,
  build_chroot_id bigint references build_chroot on delete cascade,
  -- of a repository whose index is being rendered
  repository_id bigint references repository on delete cascade,
  -- a build with many packages is signed in several parts
  part integer not null default 0,
  -- SHA-256 of the digests, one a line
  digests bytea not null,
  count integer not null check (count > 0),
  issued_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '2 minutes',
  used_at timestamptz,
  check ((build_chroot_id is null) <> (repository_id is null))
);
create unique index on sign_ticket (build_chroot_id, part) where build_chroot_id is not null;
create unique index on sign_ticket (repository_id) where repository_id is not null;
create index on sign_ticket (issued_at);

-- All that keygen knows of this schema; its database role needs the right to execute this and nothing else here.
-- One clock decides when a ticket is over: the database's.
create function redeem_sign_ticket(ticket uuid, wanted bytea)
returns table (ownername text, projectname text, build_id bigint, task_id text, repository_id bigint)
language sql security definer set search_path = public as $$
  update sign_ticket set used_at = clock_timestamp()
  from project
  where sign_ticket.id = ticket and digests = wanted and used_at is null and expires_at > clock_timestamp()
    and project.id = sign_ticket.project_id and project.deleted_at is null
  returning project.ownername, project.name, sign_ticket.build_id, sign_ticket.task_id, sign_ticket.repository_id
$$;
revoke execute on function redeem_sign_ticket from public;
