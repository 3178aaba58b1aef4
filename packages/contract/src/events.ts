import { z } from 'zod'

/**
 * The events of a build, with descriptions for users. `source` events are about building the SRPM, `chroot` events about the build in one
 * chroot.
 */
export const BUILD_EVENTS = {
  'build.finished': 'a build has finished in all its chroots',
  'chroot.started': 'a builder has started a build in a chroot',
  'chroot.finished': 'a build has finished in a chroot',
  'source.started': 'a builder has started to make the source package',
  'source.finished': 'the source package is made, or making it failed',
} as const

export type BuildEvent = keyof typeof BUILD_EVENTS
export const BUILD_EVENT_NAMES = Object.keys(BUILD_EVENTS) as BuildEvent[]

/** The events that the site announces by mail. */
export const MAIL_EVENTS = [
  'permission.requested',
  'permission.changed',
  'webhook.disabled',
] as const
export type MailEvent = (typeof MAIL_EVENTS)[number]

/** The event that is sent when a user tests a webhook. */
export const TEST_EVENT = 'webhook.test'

/** The name that Copr's messages about the build of a source package contain in place of a chroot. */
export const SOURCE_CHROOT = 'srpm-builds'

/** The data of a build event, as stored and as sent to webhooks; fields that do not apply to an event are absent. */
export const BuildEventData = z.object({
  ownername: z.string(),
  projectname: z.string(),
  project_dirname: z.string(),
  build_id: z.number().int(),
  submitter: z.string().nullable(),
  package: z.object({ name: z.string().nullable(), version: z.string().nullable() }),
  chroot: z.string().optional(),
  /** A state name of the API's builds. */
  state: z.string(),
  /** The state in each chroot; only in `build.finished`. */
  chroots: z.record(z.string(), z.string()).optional(),
})
export type BuildEventData = z.infer<typeof BuildEventData>

/** The data of a permission event: `username` requested roles, or `actor` changed the roles of `username`. */
export const PermissionEventData = z.object({
  /** The user who gets the mail. */
  recipient_id: z.number().int(),
  actor: z.string(),
  username: z.string(),
  ownername: z.string(),
  projectname: z.string(),
  /** The new state of each role that changed. */
  roles: z.record(z.string(), z.string()),
})
export type PermissionEventData = z.infer<typeof PermissionEventData>

export const WebhookEventData = z.object({
  recipient_id: z.number().int(),
  ownername: z.string(),
  projectname: z.string(),
  url: z.string(),
  reason: z.string(),
})
export type WebhookEventData = z.infer<typeof WebhookEventData>
