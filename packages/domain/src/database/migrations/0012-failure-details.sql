-- The cause of a failed build as data: category, section, line of the log, excerpt and hint. Null for builds that failed earlier.

alter table build add column failure jsonb;
alter table build_chroot add column failure jsonb;
