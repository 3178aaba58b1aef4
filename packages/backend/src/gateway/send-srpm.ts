import { isMadeInRoot } from '@copr/contract/made-sources'
import type { TaskRow } from '@copr/domain/queue/leases'
import { type BuildSource, loadTaskContext } from '@copr/domain/queue/task-context'
import { CoprError } from '@copr/process/errors'
import { z } from 'zod'
import type { Backend } from '../context.ts'
import { srpmPath } from '../store/paths.ts'
import type { KeptSrpm, ResultsTree, StoredFile } from '../store/results-store.ts'

/** Name of the file that contains the body of a custom webhook. */
const HOOK_PAYLOAD = 'hook_payload'

/** The source of an upload, as the frontend stores it: `tmp` is a folder of the uploads, and `pkg` is a file in it. */
const UploadSource = z.object({ tmp: z.string(), pkg: z.string().default(HOOK_PAYLOAD) })

/** Returns the place in the store where the SRPM of a build waits for its import. */
export function keptSrpm(build: BuildSource): KeptSrpm {
  const { id, source_type, source_json, srpm_name } = build
  if (source_type === 'upload' && !isMadeInRoot(source_type, source_json)) return keptUpload(build)
  if (srpm_name === null) throw new Error(`Build ${id} has no SRPM`)
  return { build_id: id, upload: null, file_name: srpm_name }
}

/** Returns where the store keeps the file that a user has uploaded or a webhook has sent. */
function keptUpload({ id, source_json }: BuildSource): KeptSrpm {
  const { tmp, pkg } = UploadSource.parse(source_json)
  return { build_id: id, upload: tmp, file_name: pkg }
}

/**
 * Sends the source of a task. For an import, that is the SRPM that waits for it, or the one that an interrupted import has already placed.
 * For a source build, it is the uploaded spec file, or the body of the webhook that started the build.
 */
export async function sendSrpm({ db, store }: Backend, task: TaskRow): Promise<Response> {
  const facts = await loadTaskContext(db, task)
  const isUpload = task.kind === 'source' && typeof facts.build.source_json['tmp'] === 'string'
  if (task.kind !== 'import' && !isUpload)
    throw new CoprError('invalid', 'Cannot send a source: this task has none in the store')
  const srpm = isUpload ? keptUpload(facts.build) : keptSrpm(facts.build)
  const place = { ...facts.project, dirname: facts.dirname, build_id: task.build_id }
  const names = [...srpmPath(place).split('/'), srpm.file_name]
  const file = (await store.findSrpm(srpm)) ?? (await placed(store, names))
  if (!file)
    throw new Error(`The SRPM of build ${task.build_id} no longer exists: ${names.join('/')}`)
  return new Response(await file.read(), {
    headers: { 'content-type': 'application/x-rpm', 'content-length': String(file.size) },
  })
}

async function placed(store: ResultsTree, names: string[]): Promise<StoredFile | undefined> {
  const found = await store.find(names)
  return found?.kind === 'file' ? found.file : undefined
}
