import { BuildOptions } from '@copr/contract/api/builds'
import { submitBuild } from '@copr/domain/builds/submit'
import type { UserActor } from '@copr/domain/audit/actor'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'
import { type Form, parseForm } from '../http/read-form.ts'
import { checkSrpm } from '../uploads/check-srpm.ts'
import { receiveUpload } from '../uploads/receive-upload.ts'
import { prepareSubmission, targetProject } from './build-request.ts'

/**
 * Makes a build of the file in a multipart request. Without a build no file is left behind;
 * `complete` adds what a web form does not say itself. Returns the build's id.
 */
export async function submitUpload(
  c: Context,
  frontend: Frontend,
  user: UserActor,
  complete: (form: Form) => Form = (form) => form,
): Promise<number> {
  const { db, config, uploads_dir, uploads, now } = frontend
  const { max_upload_bytes } = config.limits
  await using upload = await receiveUpload(c, {
    uploads_dir,
    max_bytes: max_upload_bytes,
    field: 'pkgs',
  })
  const form = complete(upload.form)
  const project = await targetProject(frontend, form)
  const options = parseForm(BuildOptions, form)
  const prepared = await prepareSubmission(frontend, { user, project, options })
  if (!upload.file) throw new CoprError('invalid', 'pkgs: no file was sent')
  const facts = await checkSrpm(upload.file)
  // From here on it has the name that its header gives it, like the SRPM in the results.
  const { srpm_name } = facts
  await uploads.keep(upload.dir, srpm_name, upload.file.path)
  const url = `${config.public_url}/tmp/${upload.dir}/${srpm_name}`
  const json = { url, pkg: srpm_name, tmp: upload.dir }
  try {
    const source = { type: 'upload' as const, json, facts }
    const id = await submitBuild(db, { ...prepared, source }, now())
    upload.keep()
    return id
  } catch (error) {
    await uploads.drop(upload.dir)
    throw error
  }
}
