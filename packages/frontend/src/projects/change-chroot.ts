import { EditProjectChroot, isResettable, RESETTABLE } from '@copr/contract/api/chroots'
import { Words } from '@copr/contract/api/form-fields'
import {
  CHROOT_DEFAULTS,
  type ChrootSettings,
  type Comps,
  editProjectChroot,
} from '@copr/domain/projects/edit-project-chroot'
import type { ProjectChroot } from '@copr/domain/projects/project-chroots'
import type { Project } from '@copr/domain/projects/project-queries'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import { requireRepositories } from './project-form.ts'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm, type UploadedFile } from '../http/read-form.ts'

interface ChrootChange {
  user: UserActor
  project: Project
  chroot: ProjectChroot
  form: Form
  file: UploadedFile | undefined
}

/** Applies a form of the API or of a page to a project's chroot. The caller must have checked the right to edit the project. */
export async function changeChroot(
  { db, now }: Frontend,
  { user, project, chroot, form, file }: ChrootChange,
): Promise<void> {
  requireResettable(form, `${project.ownername}/${project.name}/${chroot.name}`)
  const wanted = parseForm(EditProjectChroot, form)
  if (wanted.additional_repos)
    await requireRepositories(db, 'additional_repos', wanted.additional_repos)
  const settings = settingsOf(wanted, chroot)
  const comps = compsOf(file, wanted.delete_comps)
  await editProjectChroot(db, user, { project, chroot, settings, comps, now: now() })
}

/** Throws if the form resets fields that a chroot does not have; `path` is the chroot as written for copr-cli. */
function requireResettable(form: Form, path: string): void {
  const fields = Words.safeParse(form['reset_fields'] ?? [])
  const unknown = (fields.data ?? []).find((field) => !isResettable(field))
  if (unknown === undefined) return
  throw new CoprError(
    'invalid',
    `reset_fields: Trying to reset an invalid attribute: ${unknown.slice(0, 200)}\nSee \`copr-cli get-chroot ${path}' for all the possible attributes: ${RESETTABLE.join(', ')}`,
  )
}

/** Returns the changed settings. Resets are applied first, so a field that is both reset and sent gets the sent value. */
function settingsOf(form: EditProjectChroot, before: ProjectChroot): Partial<ChrootSettings> {
  const { delete_comps: _, reset_fields = [], bootstrap, bootstrap_image, ...rest } = form
  const sent = Object.entries(rest).filter(([, value]) => value !== undefined)
  const reset = reset_fields.map((field) => [field, CHROOT_DEFAULTS[field]] as const)
  return {
    ...Object.fromEntries<unknown>([...reset, ...sent]),
    ...bootstrapOf({ bootstrap, bootstrap_image }, reset_fields, before),
  }
}

/** Keeps the bootstrap method and image consistent: an image implies `custom_image`, and choosing another method removes the image. */
function bootstrapOf(
  sent: Pick<EditProjectChroot, 'bootstrap' | 'bootstrap_image'>,
  reset_fields: string[],
  before: ProjectChroot,
): Partial<ChrootSettings> {
  const resets = reset_fields.some((field) => ['bootstrap', 'bootstrap_image'].includes(field))
  if (sent.bootstrap === undefined && sent.bootstrap_image === undefined && !resets) return {}
  const old = {
    bootstrap: reset_fields.includes('bootstrap') ? 'unchanged' : before.bootstrap,
    image: reset_fields.includes('bootstrap_image') ? null : before.bootstrap_image,
  }
  const image = sent.bootstrap_image ?? old.image
  const implied = sent.bootstrap_image ? 'custom_image' : old.bootstrap
  const bootstrap = sent.bootstrap ?? implied
  if (bootstrap !== 'custom_image') return { bootstrap, bootstrap_image: null }
  if (image) return { bootstrap, bootstrap_image: image }
  // The image was reset, so `custom_image`, which requires one, is reset as well.
  if (sent.bootstrap === undefined) return { bootstrap: 'unchanged', bootstrap_image: null }
  throw new CoprError('invalid', 'bootstrap_image: is required with custom_image')
}

function compsOf(
  file: UploadedFile | undefined,
  isDeleted: boolean | undefined,
): Comps | null | undefined {
  if (file === undefined) return isDeleted ? null : undefined
  // Old browsers sent the full path.
  const name = file.name
    .replace(/^.*[/\\]/, '')
    .replaceAll(/\p{Cc}/gu, '')
    .slice(0, 255)
  return { name: name || 'comps.xml', xml: file.text }
}
