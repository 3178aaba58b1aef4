-- What lists of a site with a million builds need (docs/performance.md).

-- A package's newest build in one directory: the monitor, and the packages of a project.
create index build_package_dir on build (package_id, project_dir_id, id desc) include (state);
-- What a user submitted: the download of one's own data.
create index build_submitter_id on build (submitter_id, id) where submitter_id is not null;
-- Changes by those who are no users: webhooks, commands, the system.
create index audit_log_actor on audit_log (actor, id desc);
create index session_user_id on session (user_id);
-- The queue, in the order in which its tasks came.
create index task_unfinished on task (state, id) include (kind) where state <> 'done';
-- The expression is that of projects/search-projects.ts. In small letters, which are compared faster than any letters; and
-- without statistics, which the planner would search through for each word, and learn nothing.
drop index project_text;
create index project_text on project
  using gin (lower(ownername || '/' || name || ' ' || description || ' ' || instructions) gin_trgm_ops)
  where deleted_at is null;
alter index project_text alter column 1 set statistics 0;
