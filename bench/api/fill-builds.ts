import { at } from './fill-site.ts'
import {
  builds,
  chroots,
  finished_tasks,
  giant_chroots,
  giant_dirs,
  giant_packages,
  mass_rebuild,
  packages,
  projects,
  unfinished,
  users,
} from './sizes.ts'

/**
 * SQL for the package ID of build `id`. Every fifth build belongs to the giant (the largest project); most other builds belong to a few
 * packages.
 */
const PACKAGE_OF_BUILD = `case
  when id > ${builds - mass_rebuild} then ${giant_packages + 2}
  when id % 5 = 0 then 1 + floor(${giant_packages} * power(random(), 1.5))::int
  else ${giant_packages + 1} + floor(${packages - giant_packages} * power(random(), 2))::int end`

const isOpen = (id: string): string => `${id} > ${builds - unfinished}`
/** Builds with IDs up to this one have chroots; the source packages of later builds are not ready yet. */
const AT_SOURCE = builds - 300

/** Some of the unfinished builds with IDs above this one are at builders; those with lower IDs wait for a builder. */
const AT_BUILDERS = AT_SOURCE - 50

/** SQL for the number of a build's chroots: a build runs in all chroots of its project. */
const CHROOTS_OF = `case build.project_id when 1 then ${giant_chroots} else 1 + build.project_id % 6 end`
/** SQL for the first ID of a build's chroots. */
export const FIRST_CHROOT = `build.id * 16`

/** The steps that fill the builds and the rows that belong to them, in order. */
export const FILL_BUILDS: [what: string, sql: string][] = [
  [
    'batches',
    `insert into batch (id, blocked_by) overriding system value
     select id, case when id % 5 = 0 then id - 1 end from generate_series(1, 20000) id`,
  ],
  [
    'builds',
    `insert into build (id, project_id, project_dir_id, package_id, package_version, source_type, source_json, source_state,
       source_started_at, source_ended_at, srpm_name, state, submitter_id, submitted_at, finished_at, timeout_seconds, batch_id) overriding system value
     select each.id, project_id,
       case when project_id = 1 and each.id % 10 = 0 then ${projects} + 1 + (each.id / 10) % ${giant_dirs} else project_id end,
       package_id, '1.' || each.id % 100 || '-1', 'scm', source_json,
       case when each.id > ${AT_SOURCE} then (array['pending','starting','running','importing'])[1 + each.id % 4]
         when state in ('running', 'canceled') then 'succeeded' else state end,
       ${at('each.id')}, ${at('(each.id + 1)')}, package.name || '-1.' || each.id % 100 || '-1.src.rpm',
       case when each.id > ${AT_SOURCE} then (array['pending','starting','running','importing'])[1 + each.id % 4] else state end,
       -- A fifth is submitted by one user, as by a service that builds pull requests.
       case when project_id = 1 then 1 else 1 + each.id % ${users} end,
       ${at('each.id')}, case when not ${isOpen('each.id')} then ${at('(each.id + 10)')} end, 18000,
       case when each.id > ${builds - mass_rebuild} then 1 when each.id % 20 = 0 then 2 + (each.id / 100) % 19998 end
     from (select id, ${PACKAGE_OF_BUILD} as package_id,
             case when ${isOpen('id')} then 'running' when id % 23 < 4 then 'failed' when id % 41 = 0 then 'canceled' else 'succeeded' end as state
           from generate_series(1, ${builds}) id) as each join package on package.id = package_id
     order by each.id`,
  ],
  [
    'build chroots',
    `insert into build_chroot (id, build_id, chroot_id, state, result_dir, git_commit, started_at, ended_at, seconds) overriding system value
     select ${FIRST_CHROOT} + k, build.id, 1 + (project_id * 7 + k) % ${chroots},
       case when build.state <> 'running' then case when k > 0 and build.id % 2 = 0 and build.state = 'failed' then 'succeeded' else build.state end
         when build.id > ${AT_BUILDERS} then (array['running','running','succeeded','starting'])[1 + (build.id + k) % 4]
         else 'pending' end,
       lpad(build.id::text, 8, '0') || '-package', md5(build.id::text), submitted_at, finished_at, '{"root": 2, "rpmbuild": 60}'
     from build, generate_series(0, ${giant_chroots - 1}) k where k < ${CHROOTS_OF} and build.id <= ${AT_SOURCE}
       -- The giant's last chroot is new: of most of its packages nothing was built there yet.
       and not (project_id = 1 and k = ${giant_chroots - 1} and build.id < ${builds * 0.95}) order by build.id, k`,
  ],
  [
    'built packages',
    `insert into built_package (build_chroot_id, name, version, release, arch)
     select build_chroot.id, 'name' || k, '1.0', '1', 'x86_64' from build_chroot, generate_series(1, 2) k
     where state = 'succeeded' order by build_chroot.id`,
  ],
  [
    'members of repositories',
    // Only the latest tenth of the builds has rows in repository_member, as if the packages of older builds had been pruned.
    `insert into repository_member (repository_id, path, build_chroot_id, sha256, size)
     select repository.id, result_dir || '/name' || k || '-1.0-1.x86_64.rpm', build_chroot.id, md5(build_chroot.id::text), 100000
     from build_chroot join build on build.id = build_id
       join repository on repository.project_dir_id = build.project_dir_id and repository.chroot_id = build_chroot.chroot_id
       cross join generate_series(1, 2) k
     where build_chroot.state = 'succeeded' and build.id > ${builds * 0.9}`,
  ],
  [
    'tasks',
    `insert into task (task_id, kind, build_id, state, ownername, project_id, sandbox, queued_at)
     select build.id::text, 'source', build.id, 'done', ownername, project_id, 'box', submitted_at
     from build join project on project.id = project_id where build.id between ${builds - finished_tasks} and ${AT_SOURCE};
     insert into task (task_id, kind, build_id, state, ownername, project_id, sandbox, queued_at, machine_id, leased_at, lease_until)
     select build.id::text, case source_state when 'importing' then 'import' else 'source' end, build.id,
       case source_state when 'pending' then 'queued' else 'leased' end, ownername, project_id, 'box', submitted_at,
       case when source_state <> 'pending' then 49901 + build.id % 100 end, submitted_at, submitted_at
     from build join project on project.id = project_id where build.id > ${AT_SOURCE};
     insert into task (task_id, kind, build_id, build_chroot_id, state, ownername, project_id, sandbox, queued_at, machine_id, leased_at, lease_until)
     select build.id || '-' || chroot.name, 'rpm', build.id, build_chroot.id,
       case build_chroot.state when 'pending' then 'queued' else 'leased' end, ownername, project_id, 'box', submitted_at,
       case when build_chroot.state <> 'pending' then 49901 + build.id % 100 end, submitted_at, submitted_at
     from build join project on project.id = project_id join build_chroot on build_chroot.build_id = build.id join chroot on chroot.id = chroot_id
     where ${isOpen('build.id')} and build_chroot.state in ('running', 'pending', 'starting')`,
  ],
]
