import type { TaskRow } from '@copr/domain/queue/leases'
import { stagedFilesOf, type TaskContext } from '@copr/domain/queue/task-context'
import { type ResultsPath, resultPath } from '../store/paths.ts'
import type { StagingKey } from '../store/results-store.ts'

/** The uploaded results of a build, and the task that publishes them. */
export interface Results {
  task: TaskRow
  /** The lease of the publish task. */
  lease: string
  staged: StagingKey
  place: ResultsPath
}

export function resultsOf(task: TaskRow, lease: string, facts: TaskContext): Results {
  return { task, lease, staged: stagedFilesOf(task), place: placeOf(facts) }
}

function placeOf({ project, dirname, build_chroot: chroot, build }: TaskContext): ResultsPath {
  if (!chroot?.result_dir) throw new Error(`Build ${build.id} has no results directory`)
  const { ownername } = project
  return resultPath({ ownername, dirname, chroot: chroot.name, result_dir: chroot.result_dir })
}
