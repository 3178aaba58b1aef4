import type { LogLocation } from '@copr/domain/queue/task-context'
import { type ResultsPath, resultPath, srpmPath } from './store/paths.ts'

/** Where logs and results of a task's build go in the public tree. */
export function resultsOf({ chroot, result_dir, ...place }: LogLocation): ResultsPath {
  if (chroot === null) return srpmPath(place)
  if (result_dir === null) throw new Error(`Build ${place.build_id} has not started in ${chroot}`)
  return resultPath({ ...place, chroot, result_dir })
}
