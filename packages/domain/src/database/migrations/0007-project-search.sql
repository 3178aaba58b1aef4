-- The texts by which projects are found, put together and in small letters once: a search for a common word compares thousands.
create table project_search (
  project_id bigint primary key references project on delete cascade,
  text text not null
);
create function write_project_search() returns trigger language plpgsql as $$
begin
  insert into project_search (project_id, text)
  values (new.id, lower(new.ownername || '/' || new.name || ' ' || new.description || ' ' || new.instructions))
  on conflict (project_id) do update set text = excluded.text;
  return null;
end $$;
create trigger project_search after insert or update of ownername, name, description, instructions on project
  for each row execute function write_project_search();
insert into project_search (project_id, text)
  select id, lower(ownername || '/' || name || ' ' || description || ' ' || instructions) from project;
drop index project_text;
-- Without statistics, which the planner would search through for each word, and learn nothing.
alter table project_search alter column text set statistics 0;
create index project_search_text on project_search using gin (text gin_trgm_ops);

-- Lists of all projects, in other orders than by id and name.
create index project_living_owner on project (ownername, id) where deleted_at is null;
create index project_living_created on project (created_at, id) where deleted_at is null;
