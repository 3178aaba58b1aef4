-- Up to when the changes of keys that keygen reports have been stored; no row: none yet, so all keys are compared.
create table key_changes_seen (
  only_row boolean primary key default true check (only_row),
  until timestamptz not null
);
