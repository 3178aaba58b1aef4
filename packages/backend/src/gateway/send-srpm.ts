import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { TaskRow } from '@copr/domain/queue/leases'
import { loadTaskFacts, type TaskFacts } from '@copr/domain/queue/task-facts'
import { CoprError } from '@copr/process/errors'
import { z } from 'zod'
import type { Backend } from '../context.ts'
import { sizeOf } from '../store/files.ts'
import { srpmPath } from '../store/paths.ts'
import type { KeptSrpm } from '../store/results-store.ts'

/** As the frontend stores them: the file `pkg` in the folder `tmp` of the uploads. */
const UploadSource = z.object({ tmp: z.string(), pkg: z.string() })

/** Where the SRPM of a build waits to be imported. */
export function keptSrpm({ build }: Pick<TaskFacts, 'build'>): KeptSrpm {
  if (build.source_type !== 'upload') {
    if (build.srpm_name === null) throw new Error(`Build ${build.id} has no SRPM`)
    return { build_id: build.id, upload: null, file_name: build.srpm_name }
  }
  const { tmp, pkg } = UploadSource.parse(build.source_json)
  return { build_id: build.id, upload: tmp, file_name: pkg }
}

/** Answers an import task with the SRPM: the waiting one, or that of an import which was nearly done. */
export async function sendSrpm({ db, store }: Backend, task: TaskRow): Promise<Response> {
  if (task.kind !== 'import')
    throw new CoprError('invalid', 'Cannot send an SRPM: this is no import')
  const facts = await loadTaskFacts(db, task)
  const srpm = keptSrpm(facts)
  const place = { ...facts.project, dirname: facts.dirname, build_id: task.build_id }
  const path = (await store.findSrpm(srpm)) ?? store.absolute(srpmPath(place), srpm.file_name)
  const size = await sizeOf(path)
  if (size === undefined) throw new Error(`The SRPM of build ${task.build_id} is gone: ${path}`)
  const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>
  return new Response(body, {
    headers: { 'content-type': 'application/x-rpm', 'content-length': String(size) },
  })
}
