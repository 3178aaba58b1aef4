-- Whether rpmlint checks the packages of a project after each successful build; fedora_review is the same setting for fedora-review.
alter table project add column rpmlint boolean not null default false;

-- The findings of these tools: [{"tool": "rpmlint", "errors": 0, "warnings": 2}]. Null: none has reported.
alter table build_chroot add column reviews jsonb;
