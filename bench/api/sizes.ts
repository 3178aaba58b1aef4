/** The row counts of the benchmark database; all other counts are derived from these. */
export const builds = 1_000_000
export const packages = 60_000
export const projects = 20_000
export const users = 5000
export const groups = 200
export const chroots = 48
/** Number of packages of the giant. That is the first and largest project, which has a fifth of all builds. */
export const giant_packages = 10_000
export const giant_chroots = 12
/** Number of the giant's directories for pull requests. */
export const giant_dirs = 300
/**
 * Number of builds in a mass rebuild. These are the last builds submitted: they have consecutive IDs and belong to one batch and one
 * unlisted project.
 */
export const mass_rebuild = 20_000
/** Number of builds of the giant: a fifth of those that precede the mass rebuild. */
export const giant_builds = (builds - mass_rebuild) / 5
/** Number of unfinished builds: the latest ones, which are waiting or running. */
export const unfinished = 3000
/** Number of tasks in the state `done`, which are kept so that reporting a result is idempotent. */
export const finished_tasks = 500_000
export const audit_entries = 500_000
