import type { LogLocation } from '@copr/domain/queue/task-context'
import { type ResultsPath, resultPath, srpmPath } from './store/paths.ts'

/** Returns the path in the public tree for the logs and results of the build that a task belongs to. */
export function resultsOf({ chroot, result_dir, ...place }: LogLocation): ResultsPath {
  if (chroot === null) return srpmPath(place)
  if (result_dir === null) throw new Error(`Build ${place.build_id} has not started in ${chroot}`)
  return resultPath({ ...place, chroot, result_dir })
}
