import { z } from 'zod'
import { isPlainHttpUrl } from '../plain-http-url.ts'
import { Flag, Line, Text } from './form-fields.ts'
import { listOf } from './lists.ts'

/** The systems whose webhooks are supported; `custom` is any other sender. */
const WEBHOOK_SOURCES = ['github', 'gitlab', 'bitbucket', 'forgejo', 'custom'] as const
export const WebhookSource = z.enum(WEBHOOK_SOURCES)
export type WebhookSource = z.infer<typeof WebhookSource>

/** Pull requests that are built: from all repositories, from the package's own repository only, or none. */
export const PULL_REQUESTS = ['all', 'own', 'none'] as const
export type PullRequests = (typeof PULL_REQUESTS)[number]

/** The outcome of a delivery. A delivery stays `processing` only if the server stopped before it had finished handling it. */
const DELIVERY_OUTCOMES = ['processing', 'built', 'ignored', 'refused', 'failed'] as const
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number]

/** The result of a delivery for one package. */
export const Decision = z.strictObject({
  package: z.string(),
  /** Null if the package was not built. */
  build_id: z.number().int().nullable(),
  reason: z.string(),
})
export type Decision = z.infer<typeof Decision>

export const DeliveryAnswer = z.strictObject({
  id: z.number().int(),
  /** Unix seconds. */
  received_on: z.number().int(),
  forge: WebhookSource,
  /** The kind of event as the forge names it. */
  event: z.string().nullable(),
  /** The forge's own ID of the delivery. */
  delivery_key: z.string().nullable(),
  remote_address: z.string().nullable(),
  outcome: z.enum(DELIVERY_OUTCOMES),
  /** The reason for the outcome, in one sentence; null if `decisions` explain it. */
  reason: z.string().nullable(),
  decisions: z.array(Decision),
  /** The ID of the delivery that this one replays; null if it is not a replay. */
  replay_of: z.number().int().nullable(),
  body_bytes: z.number().int(),
})
export type DeliveryAnswer = z.infer<typeof DeliveryAnswer>

export const DeliveriesAnswer = listOf(DeliveryAnswer)

export const OneDeliveryAnswer = DeliveryAnswer.extend({
  headers: z.record(z.string(), z.string()),
  /** The beginning of the body; null if the sender was not authenticated. Invalid UTF-8 is replaced. */
  body: z.string().nullable(),
  is_truncated: z.boolean(),
})

export const WebhookSettings = z.object({
  signed_only: Flag.optional(),
  pull_requests: Line.pipe(z.enum(PULL_REQUESTS)).optional(),
})
export type WebhookSettings = z.output<typeof WebhookSettings>

export const WebhookSettingsAnswer = z.strictObject({
  signed_only: z.boolean(),
  pull_requests: z.enum(PULL_REQUESTS),
  /** Whether there is a signing secret; the secret itself is shown only when it is created. */
  has_signing_secret: z.boolean(),
})

/** A signing secret in the format of Standard Webhooks, which GitLab requires: `whsec_` and the key in base64. */
const SigningSecret = Line.pipe(
  z
    .string()
    .regex(
      /^whsec_[A-Za-z0-9+/]{32,128}={0,2}$/,
      'must be whsec_ followed by 24 to 96 bytes in base64',
    ),
)
export const NewSigningSecret = z.object({ secret: SigningSecret.optional() })
export const SigningSecretAnswer = z.strictObject({ signing_secret: z.string() })

/** The kinds of forges to which commit statuses can be reported. */
export const STATUS_FORGES = ['github', 'gitlab', 'forgejo'] as const
export type StatusForge = (typeof STATUS_FORGES)[number]

/** The states of a commit, with GitHub's names. */
export type CommitState = 'pending' | 'success' | 'failure' | 'error'

const HttpUrl = Line.pipe(z.string().max(1000)).refine(
  isPlainUrl,
  'must be an http or https URL without a user name, a query and a fragment',
)
/** Secrets are sent in HTTP headers, which cannot contain control characters. */
const Secret = Text.pipe(
  z
    .string()
    .min(1, 'must not be empty')
    .max(10_000)
    .regex(/^[^\p{Cc}]*$/u, 'must not contain control characters'),
)
const Username = Line.pipe(
  z
    .string()
    .max(200)
    .regex(/^[^\p{Cc}:]*$/u, 'must contain neither control characters nor a colon'),
)

/** Treats an empty form field as absent. */
const sentOnly = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional()).optional()

/** Git credentials, or a token with which commit statuses are set on a forge. */
export const NewProjectSecret = z
  .object({
    kind: Line.pipe(z.enum(['git', 'forge'])),
    /** For git, the prefix of the repositories' URLs; for a forge, its URL, such as `https://github.com`. */
    url: HttpUrl,
    /** For git only. */
    username: sentOnly(Username),
    /** For a forge only: its kind and, in `api_url`, the base URL of its API if it is not the usual one. */
    forge: sentOnly(Line.pipe(z.enum(STATUS_FORGES))),
    api_url: sentOnly(HttpUrl),
    /** The password for git, or the token for a forge. */
    password: Secret,
  })
  .superRefine(({ kind, username, forge, api_url }, ctx) => {
    const need = (path: string, message: string): void =>
      ctx.addIssue({ code: 'custom', path: [path], message })
    if (kind === 'git' && username === undefined) need('username', 'is required for git')
    if (kind === 'forge' && forge === undefined) need('forge', 'is required for a forge')
    if (kind === 'forge' && username !== undefined) need('username', 'is only for git')
    if (kind === 'git' && (forge !== undefined || api_url !== undefined))
      need('forge', 'forge and api_url are only for a forge')
  })
export type NewProjectSecret = z.output<typeof NewProjectSecret>

const ProjectSecretAnswer = z.strictObject({
  id: z.number().int(),
  kind: z.enum(['git', 'forge']),
  url: z.string(),
  username: z.string().nullable(),
  forge: z.enum(STATUS_FORGES).nullable(),
  api_url: z.string().nullable(),
  /** Unix seconds. */
  changed_on: z.number().int(),
  /** The error of the last use; null if it succeeded. */
  last_error: z.string().nullable(),
})
export const ProjectSecretsAnswer = z.strictObject({ secrets: z.array(ProjectSecretAnswer) })

function isPlainUrl(text: string): boolean {
  return isPlainHttpUrl(text, /[?#\s]/)
}
