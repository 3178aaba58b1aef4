import { PackageSettings } from '@copr/contract/api/packages'
import { isSettableSource } from '@copr/contract/api/sources'
import { PackageName } from '@copr/contract/names'
import { listActiveChroots } from '@copr/domain/chroots/chroot-queries'
import { addPackage, editPackage, type PackageChanges } from '@copr/domain/packages/edit-package'
import type { Package } from '@copr/domain/packages/package-queries'
import type { Project } from '@copr/domain/projects/project-queries'
import { checkedDenylist } from '@copr/domain/chroots/chroot-denylist'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import { requirePackage } from '../api/find-or-404.ts'
import { checkTimeout } from '../builds/build-request.ts'
import { readSource, sourceType } from '../builds/source-form.ts'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'

interface Wanted {
  project: Project
  name: string
  form: Form
}

/** Adds the package that a form describes. */
export async function makePackage(
  frontend: Frontend,
  actor: UserActor,
  { project, name, form, type }: Wanted & { type: string },
): Promise<Package> {
  const { db, now } = frontend
  const valid = PackageName.safeParse(name)
  if (!valid.success)
    throw new CoprError('invalid', `package_name: ${valid.error.issues[0]?.message ?? ''}`)
  const source = { type: sourceType(type), form, package_name: name }
  const settings = await readSettings(frontend, { name, form })
  const changes = { ...settings, source: await readSource(frontend, source) }
  return await addPackage(db, { actor, project, name, changes }, now())
}

/** Changes a package. If the source type stays the same, source fields that the form omits keep their values. */
export async function changePackage(
  frontend: Frontend,
  actor: UserActor,
  { project, name, form, type }: Wanted & { type: string | undefined },
): Promise<Package> {
  const { db, now } = frontend
  const found = await requirePackage(db, project, name)
  const settings = await readSettings(frontend, { name, form })
  const source = await sourceOfEdit(frontend, { found, form, type })
  const changes = { ...settings, ...(source && { source }) }
  return await editPackage(db, { actor, project, name, changes }, now())
}

async function sourceOfEdit(
  frontend: Frontend,
  { found, form, type }: { found: Package; form: Form; type: string | undefined },
): Promise<PackageChanges['source']> {
  const stored_type = found.source_type
  // The stored source has a type that cannot be edited, such as `upload`: only the settings can be changed.
  if (type === undefined && !isSettableSource(stored_type)) return undefined
  const next = sourceType(type ?? stored_type)
  const stored = next === stored_type ? found.source_json : undefined
  return await readSource(frontend, { type: next, form, package_name: found.name, stored })
}

async function readSettings(
  { db, config }: Frontend,
  { name, form }: { name: string; form: Form },
): Promise<PackageChanges> {
  const { package_name, webhook_rebuild, max_builds, timeout, chroot_denylist } = parseForm(
    PackageSettings,
    form,
  )
  if (package_name !== undefined && package_name !== name)
    throw new CoprError('invalid', `package_name: must be ${name}, as in the path`)
  if (timeout !== undefined) checkTimeout(timeout, config.limits)
  const active = chroot_denylist ? (await listActiveChroots(db)).map((each) => each.name) : []
  const changes = {
    webhook_rebuild,
    max_builds,
    timeout_seconds: timeout,
    chroot_denylist:
      chroot_denylist === undefined ? undefined : checkedDenylist(chroot_denylist, active),
  }
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
}
