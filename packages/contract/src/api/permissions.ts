import { z } from 'zod'
import { PERMISSION_NUMBER, type PermissionState } from '../states.ts'

const STATES = Object.keys(PERMISSION_NUMBER) as [PermissionState, ...PermissionState[]]
const State = z.enum(STATES)
const stateOf = (role: string) =>
  z
    .enum(STATES, {
      error: ({ input }) =>
        `invalid '${role}' permission state '${String(input)}', use ${STATES.join('|')}`,
    })
    .optional()

const requestOf = (role: string) =>
  z
    .boolean({
      error: ({ input }) =>
        `invalid '${role}' permission request '${String(input)}', expected True or False`,
    })
    .optional()

/** The error for a body with an unknown role. */
const onlyRoles = {
  error: (issue: z.core.$ZodRawIssue) =>
    issue.code === 'unrecognized_keys'
      ? `invalid permission '${issue.keys.join("', '")}', allowed admin|builder`
      : undefined,
}

/** Maps each user to the roles to change. In this body, unlike in others, null is not treated as "not sent". */
export const SetPermissions = z
  .record(
    z.string(),
    z.strictObject({ admin: stateOf('admin'), builder: stateOf('builder') }, onlyRoles),
  )
  .refine(
    (users) => Object.keys(users).length > 0,
    'no permission change requested: name at least one user',
  )
  // The number is limited because all users are changed in one transaction, with several statements for each user.
  .refine((users) => Object.keys(users).length <= 1000, 'names more than 1000 users')

/** True requests the role, false gives it up. */
export const RequestPermissions = z
  .strictObject({ admin: requestOf('admin'), builder: requestOf('builder') }, onlyRoles)
  .refine(
    (roles) => Object.keys(roles).length > 0,
    'no permission requested: name at least one role',
  )

export const PermissionsAnswer = z.strictObject({
  permissions: z.record(z.string(), z.strictObject({ admin: State, builder: State })),
})

export const PermissionsSetAnswer = z.strictObject({
  /** The users whose permissions have changed. */
  updated: z.array(z.string()),
})

export const PermissionsRequestedAnswer = z.strictObject({ updated: z.boolean() })

export const CanBuildInAnswer = z.strictObject({
  who: z.string(),
  ownername: z.string(),
  projectname: z.string(),
  can_build_in: z.boolean(),
})

export const WebhookSecretAnswer = z.strictObject({
  id: z.number().int(),
  name: z.string(),
  ownername: z.string(),
  full_name: z.string(),
  webhook_secret: z.uuid(),
})
