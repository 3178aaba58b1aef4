import { submitBuild } from '@copr/domain/builds/submit'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'
import { checkSrpm } from '../uploads/check-srpm.ts'
import { receiveUpload, type Upload } from '../uploads/receive-upload.ts'
import { prepareSubmission, type UserSubmission } from './build-request.ts'

/** Receives a multipart request with a source package. The caller disposes the upload, which deletes the file if no build was made. */
export async function receiveSrpm(c: Context, frontend: Frontend): Promise<Upload> {
  const { uploads_dir, config } = frontend
  const max_bytes = config.limits.max_upload_bytes
  return await receiveUpload(c, { uploads_dir, max_bytes, field: 'pkgs' })
}

/** Makes a build of a received source package; returns its id. */
export async function submitUpload(
  frontend: Frontend,
  { user, project, options, upload }: UserSubmission & { upload: Upload },
): Promise<number> {
  const { db, config, uploads, now } = frontend
  const prepared = await prepareSubmission(frontend, { user, project, options })
  if (!upload.file) throw new CoprError('invalid', 'pkgs: no file was sent')
  const facts = await checkSrpm(upload.file)
  // The stored file is named after the header, like the SRPM in the results.
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
