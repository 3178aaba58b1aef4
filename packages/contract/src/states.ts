/** Copr's numbers for states. The names are in the API as well: never rename one. */
export const STATE_NUMBER = {
  failed: 0,
  succeeded: 1,
  canceled: 2,
  running: 3,
  pending: 4,
  skipped: 5,
  starting: 6,
  importing: 7,
  forked: 8,
  waiting: 9,
  unknown: 1000,
} as const satisfies Record<string, number>

export type BuildState = keyof typeof STATE_NUMBER

export const SOURCE_TYPE_NUMBER = {
  unset: 0,
  link: 1,
  upload: 2,
  pypi: 5,
  rubygems: 6,
  scm: 8,
  custom: 9,
  distgit: 10,
} as const satisfies Record<string, number>

export type SourceType = keyof typeof SOURCE_TYPE_NUMBER

/** Numbers for the states of a user's role in a project. */
export const PERMISSION_NUMBER = { nothing: 0, request: 1, approved: 2 } as const
export type PermissionState = keyof typeof PERMISSION_NUMBER
