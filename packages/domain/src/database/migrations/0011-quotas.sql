-- The storage that projects hold, and quotas for owners and projects.

alter table build
  -- bytes of the folder srpm-builds/ID
  add source_bytes bigint not null default 0,
  -- whether source_bytes is the size on disk after the build has finished; false: an estimate, or nothing yet
  add source_measured boolean not null default false;
alter table build_chroot
  -- bytes of the folder result_dir
  add result_bytes bigint not null default 0,
  add results_measured boolean not null default false;
create index build_unmeasured on build (finished_at) where not source_measured and finished_at is not null;
create index build_chroot_unmeasured on build_chroot (ended_at) where not results_measured and ended_at is not null;

-- The sources that dist-git stores for a package: files in the lookaside by name and MD5, and under an empty name the text of an import by its tree.
-- Keyed by content, so that storing the same file again changes nothing.
create table distgit_source (
  project_dir_id bigint not null references project_dir on delete cascade,
  package_name text not null,
  name text not null,
  digest text not null,
  -- without a reference, as the trigger needs it when the directory is gone
  project_id bigint not null,
  bytes bigint not null check (bytes >= 0),
  primary key (project_dir_id, package_name, name, digest)
);

-- A ledger of changes, which is only inserted into, and added up into storage_use by a loop. A counter that every transaction
-- updates would serialize the builds of a project, and deadlock with transactions that delete several builds.
create table storage_change (
  id bigint generated always as identity primary key,
  project_id bigint not null,
  ownername text not null,
  result_bytes bigint not null,
  source_bytes bigint not null
);
create index storage_change_ownername on storage_change (ownername);

create table storage_use (
  project_id bigint primary key references project,
  ownername text not null,
  result_bytes bigint not null,
  source_bytes bigint not null
);
-- An owner's use is added up in the index alone.
create index storage_use_ownername on storage_use (ownername) include (result_bytes, source_bytes);

create function note_storage(changed_project bigint, results bigint, sources bigint) returns void language sql as $$
  insert into storage_change (project_id, ownername, result_bytes, source_bytes)
  select id, ownername, results, sources from project
  where id = changed_project and deleted_at is null and (results <> 0 or sources <> 0)
$$;

create function note_result_bytes() returns trigger language plpgsql as $$
begin
  perform note_storage(project_id, new.result_bytes - old.result_bytes, 0) from build where id = new.build_id;
  return null;
end $$;
create trigger storage_changed after update of result_bytes on build_chroot for each row
  when (new.result_bytes <> old.result_bytes) execute function note_result_bytes();

create function note_build_source_bytes() returns trigger language plpgsql as $$
begin
  perform note_storage(new.project_id, new.source_bytes - old.source_bytes, 0);
  return null;
end $$;
create trigger storage_changed after update of source_bytes on build for each row
  when (new.source_bytes <> old.source_bytes) execute function note_build_source_bytes();

-- Before the delete, which also deletes the chroots. Their rows are locked, so that none of them changes after it was added up.
create function note_deleted_build() returns trigger language plpgsql as $$
declare
  results bigint;
begin
  select coalesce(sum(result_bytes), 0) into results
  from (select result_bytes from build_chroot where build_id = old.id order by id for update) as chroots;
  perform note_storage(old.project_id, -(old.source_bytes + results), 0);
  return old;
end $$;
create trigger storage_deleted before delete on build for each row execute function note_deleted_build();

create function note_distgit_source() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then perform note_storage(new.project_id, 0, new.bytes);
  else perform note_storage(old.project_id, 0, -old.bytes);
  end if;
  return null;
end $$;
create trigger storage_changed after insert or delete on distgit_source for each row execute function note_distgit_source();

-- The limits that an administrator has set for one owner or one project, instead of the configured limit.
create table quota (
  id bigint generated always as identity primary key,
  -- a user name, or @group
  ownername text,
  project_id bigint references project,
  kind text not null check (kind in ('storage_bytes', 'running_builds', 'queued_builds', 'upload_bytes', 'unpacked_bytes')),
  -- null: unlimited
  max bigint check (max > 0),
  check ((ownername is null) <> (project_id is null)),
  check (max is not null or kind not in ('upload_bytes', 'unpacked_bytes'))
);
create unique index quota_owner on quota (ownername, kind) where ownername is not null;
create unique index quota_project on quota (project_id, kind) where project_id is not null;

-- The waiting tasks of an owner and of a project are counted at each submission.
create index task_waiting_owner on task (ownername, project_id) where state = 'queued' and kind in ('source', 'import', 'rpm');
