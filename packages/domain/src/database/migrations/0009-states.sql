-- A publish task says where the files are staged that it publishes: under the task that built them, and the lease it had.
alter table task
  add column staged_task_id bigint,
  add column staged_lease text;
update task set staged_task_id = built.id, staged_lease = built.last_lease
from task built where task.kind = 'publish' and built.kind = 'rpm' and built.build_chroot_id = task.build_chroot_id;

-- The states that packages/domain/src/states/ knows, as tasks and machines have them already; a test compares all of them.
alter table build
  add constraint build_source_state_check check (source_state in
    ('pending', 'starting', 'running', 'importing', 'succeeded', 'failed', 'canceled')),
  add constraint build_state_check check (state in
    ('pending', 'starting', 'running', 'importing', 'succeeded', 'failed', 'canceled', 'skipped', 'forked', 'waiting', 'unknown'));
alter table build_chroot add constraint build_chroot_state_check check (state in
  ('waiting', 'pending', 'starting', 'running', 'succeeded', 'failed', 'canceled', 'skipped', 'forked'));
