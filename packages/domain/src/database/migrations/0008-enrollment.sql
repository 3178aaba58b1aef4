-- Enrollment fixes what a machine may do; what it says of itself can only be less.
alter table machine add planned_kinds text[] not null default '{source,rpm}';
update machine set planned_kinds = '{import}' where pool = 'distgit';

-- Written by dist-git when it has stored the commits of an import: the gateway believes no other ones.
create table imported_commit (
  build_id bigint not null references build on delete cascade,
  branch text not null,
  git_commit text not null,
  primary key (build_id, branch)
);
