-- What machines tell of themselves, and what tasks have learned from losing one.

alter table machine
  -- of its self-test, without swap; null: it has not said
  add memory_mb integer;

alter table offering
  add memory_mb integer;

alter table task
  -- it ran out of memory on a smaller machine
  add min_memory_mb integer,
  -- why the last machine did not do it: machine_lost, interrupted, disk_full, out_of_memory or setup
  add lost_cause text;
