import { z } from 'zod'
import { PERMISSION_NUMBER, type PermissionState } from '../states.ts'

const State = z.enum(
  Object.keys(PERMISSION_NUMBER) as [PermissionState, ...PermissionState[]],
  'must be "nothing", "request" or "approved"',
)

/** Maps users to the roles that change. In this body a null is not treated as "not sent". */
export const SetPermissions = z
  .record(
    z.string(),
    z.strictObject({ admin: State.optional(), builder: State.optional() }, 'unknown role'),
  )
  .refine((users) => Object.keys(users).length > 0, 'name at least one user')
  // All users are changed in one transaction, with several statements for each user.
  .refine((users) => Object.keys(users).length <= 1000, 'names more than 1000 users')

/** True requests the role, false gives it up. */
export const RequestPermissions = z
  .strictObject({ admin: z.boolean().optional(), builder: z.boolean().optional() }, 'unknown role')
  .refine((roles) => Object.keys(roles).length > 0, 'name at least one role')

export const PermissionsAnswer = z.strictObject({
  permissions: z.record(z.string(), z.strictObject({ admin: State, builder: State })),
})

export const PermissionsSetAnswer = z.strictObject({
  /** The users whose state has changed. */
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
