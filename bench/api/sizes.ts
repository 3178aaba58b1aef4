/** How much there is; everything else follows. */
export const builds = 1_000_000
export const packages = 60_000
export const projects = 20_000
export const users = 5000
export const groups = 200
export const chroots = 48
/** Of the first project, which has a fifth of all builds. */
export const giant_packages = 10_000
export const giant_chroots = 12
/** Of pull requests. */
export const giant_dirs = 300
/** Builds of an unlisted project that came last, one after the other, in one batch: a mass rebuild. */
export const mass_rebuild = 20_000
/** Of the giant, before that. */
export const giant_builds = (builds - mass_rebuild) / 5
/** The last builds, which wait or run. */
export const unfinished = 3000
/** Of builds that are over, kept for repeated reports. */
export const finished_tasks = 500_000
export const audit_entries = 500_000
