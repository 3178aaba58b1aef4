import { BuildOptions } from '@copr/contract/api/builds'
import type { Decision } from '@copr/contract/api/webhooks'
import { findPackage, type Package } from '@copr/domain/packages/package-queries'
import { listEnabledChroots } from '@copr/domain/projects/project-chroots'
import { refusalOfDirname } from '@copr/domain/projects/project-dirname'
import { CoprError } from '@copr/process/errors'
import { randomUUID } from 'node:crypto'
import { submitPackage } from '../builds/submit-package.ts'
import type { Frontend } from '../frontend.ts'
import type { ReceivedDelivery } from './received-delivery.ts'

/** Maps the text of each failure, which scripts match, to its HTTP status. */
export const FAILURES = {
  COPR_ID_OR_UUID_TOKEN_MISSING: 400,
  PROJECT_NOT_FOUND: 404,
  BAD_UUID: 403,
  PACKAGE_NAME_REQUIRED: 400,
  PACKAGE_NOT_FOUND: 404,
  CANT_CREATE_DIRECTORY: 400,
  NO_ACTIVE_CHROOTS_IN_PROJECT: 400,
  BUILD_REQUEST_ERROR: 400,
} as const
export type FailureWord = keyof typeof FAILURES

/** A failure of a custom webhook. The response reports it as one word; the log of deliveries has the message. */
export class CustomWebhookError extends CoprError {
  readonly word: FailureWord

  constructor(word: FailureWord, message: string, options?: ErrorOptions) {
    super('invalid', `${word}: ${message}`, options)
    this.word = word
  }
}

/** Builds the package that the URL of a custom webhook names. */
export async function buildCustom(
  frontend: Frontend,
  delivery: ReceivedDelivery,
): Promise<Decision> {
  const { db } = frontend
  const { project, package_name, dirname } = delivery
  if (!package_name)
    throw new CustomWebhookError('PACKAGE_NAME_REQUIRED', 'the URL does not name a package')
  const pack = await findPackage(db, project.id, package_name)
  if (!pack)
    throw new CustomWebhookError('PACKAGE_NOT_FOUND', `there is no package ${package_name}`)
  if ((await listEnabledChroots(db, project.id)).length === 0)
    throw new CustomWebhookError('NO_ACTIVE_CHROOTS_IN_PROJECT', 'the project has no active chroot')
  const options = BuildOptions.safeParse({ background: true, project_dirname: dirname })
  if (!options.success)
    throw new CustomWebhookError('CANT_CREATE_DIRECTORY', `${dirname} is not a directory's name`)
  const refusal = await refusalOfDirname(db, project, dirname ?? project.name)
  if (refusal !== undefined) throw new CustomWebhookError('CANT_CREATE_DIRECTORY', refusal)
  try {
    const build_id = await submit(frontend, delivery, pack, options.data)
    return { package: pack.name, build_id, reason: 'custom webhooks always build' }
  } catch (cause) {
    if (!(cause instanceof CoprError)) throw cause
    throw new CustomWebhookError('BUILD_REQUEST_ERROR', cause.message, { cause })
  }
}

/** Stores the body for the builder, and submits the build; if that fails, the body is deleted. */
async function submit(
  frontend: Frontend,
  { project, body }: ReceivedDelivery,
  pack: Package,
  options: BuildOptions,
): Promise<number> {
  const { uploads } = frontend
  const tmp = randomUUID()
  try {
    await uploads.write(tmp, 'hook_payload', body)
    const by = { id: null, submitted_by: 'custom webhook' }
    const source = { tmp, hook_data: true }
    return await submitPackage(frontend, { project, pack, options, by, source })
  } catch (error) {
    await uploads.drop(tmp)
    throw error
  }
}
