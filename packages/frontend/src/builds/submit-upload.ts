import { isSpecName } from '@copr/contract/made-sources'
import { submitBuild } from '@copr/domain/builds/submit'
import type { Project } from '@copr/domain/projects/project-queries'
import { largestUpload, srpmLimits } from '@copr/domain/quotas/quota-limits'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import type { Frontend } from '../frontend.ts'
import { checkSpec, checkSrpm } from '../uploads/check-srpm.ts'
import { receiveUpload, type Upload } from '../uploads/receive-upload.ts'
import { prepareSubmission, type UserSubmission } from './build-request.ts'

/**
 * Receives a multipart request with a source package or a spec file. The caller must dispose of the upload, which deletes the file if no
 * build was made.
 *
 * `project` is omitted if only the form names the project, because that field may follow the file. The size limit is then the largest limit
 * of any project, and submitUpload() checks the limit of the actual project.
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

/** Makes a build of a received source package or spec file; returns its id. */
export async function submitUpload(
  frontend: Frontend,
  { user, project, options, upload }: UserSubmission & { upload: Upload },
): Promise<number> {
  const { db, config, uploads, now } = frontend
  const prepared = await prepareSubmission(frontend, { user, project, options })
  if (!upload.file) throw new CoprError('invalid', 'pkgs: no file was sent')
  const { bytes, facts } = isSpecName(upload.file.name)
    ? { ...(await checkSpec(upload.file)), facts: undefined }
    : await checkSrpm(upload.file, {
        ...(await srpmLimits(db, project, config.limits)),
        max_unpacked_files: config.limits.max_unpacked_files,
      })
  // An SRPM is stored under the name that its header yields, like the SRPM in the results.
  const pkg = facts?.srpm_name ?? upload.file.name
  await uploads.keep(upload.dir, pkg, upload.file.path)
  const url = `${config.public_url}/tmp/${upload.dir}/${pkg}`
  const json = { url, pkg, tmp: upload.dir }
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
