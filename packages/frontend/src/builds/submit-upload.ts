import { submitBuild } from '@copr/domain/builds/submit'
import type { Project } from '@copr/domain/projects/project-queries'
import { largestUpload, srpmLimits } from '@copr/domain/quotas/quota-limits'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'
import { checkSrpm } from '../uploads/check-srpm.ts'
import { receiveUpload, type Upload } from '../uploads/receive-upload.ts'
import { prepareSubmission, type UserSubmission } from './build-request.ts'

/**
 * Receives a multipart request with a source package. The caller disposes the upload, which deletes the file if no build was made.
 * Without a project, which the form names only after the file, it may be as large as any project accepts; submitUpload() checks it.
 */
export async function receiveSrpm(
  c: Context,
  frontend: Frontend,
  project?: Project,
): Promise<Upload> {
  const { db, uploads_dir, config } = frontend
  const max_bytes = project
    ? (await srpmLimits(db, project, config.limits)).upload_bytes
    : await largestUpload(db, config.limits)
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
  const limits = await srpmLimits(db, project, config.limits)
  const { max_unpacked_files } = config.limits
  const { bytes, facts } = await checkSrpm(upload.file, { ...limits, max_unpacked_files })
  // The stored file is named after the header, like the SRPM in the results.
  const { srpm_name } = facts
  await uploads.keep(upload.dir, srpm_name, upload.file.path)
  const url = `${config.public_url}/tmp/${upload.dir}/${srpm_name}`
  const json = { url, pkg: srpm_name, tmp: upload.dir }
  try {
    const source = { type: 'upload' as const, json, facts, bytes }
    const id = await submitBuild(db, { ...prepared, source }, now())
    upload.keep()
    return id
  } catch (error) {
    await uploads.drop(upload.dir)
    throw error
  }
}
