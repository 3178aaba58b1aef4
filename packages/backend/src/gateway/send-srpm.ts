import type { TaskRow } from '@copr/domain/queue/leases'
import { type BuildSource, loadTaskContext } from '@copr/domain/queue/task-context'
import { CoprError } from '@copr/process/errors'
import { z } from 'zod'
import type { Backend } from '../context.ts'
import { srpmPath } from '../store/paths.ts'
import type { KeptSrpm, ResultsTree, StoredFile } from '../store/results-store.ts'

/** The source of an upload as the frontend stores it: the file `pkg` in the folder `tmp` of the uploads. */
const UploadSource = z.object({ tmp: z.string(), pkg: z.string() })

/** Returns the place in the store where the SRPM of a build waits for the import. */
export function keptSrpm(build: BuildSource): KeptSrpm {
  if (build.source_type !== 'upload') {
    if (build.srpm_name === null) throw new Error(`Build ${build.id} has no SRPM`)
    return { build_id: build.id, upload: null, file_name: build.srpm_name }
  }
  const { tmp, pkg } = UploadSource.parse(build.source_json)
  return { build_id: build.id, upload: tmp, file_name: pkg }
}

/** Answers an import task with the waiting SRPM, or with the one that an interrupted import has already placed. */
export async function sendSrpm({ db, store }: Backend, task: TaskRow): Promise<Response> {
  if (task.kind !== 'import')
    throw new CoprError('invalid', 'Cannot send an SRPM: this task is not an import')
  const facts = await loadTaskContext(db, task)
  const srpm = keptSrpm(facts.build)
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
