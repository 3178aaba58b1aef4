import type { FinishRequest } from '@copr/contract/builder-protocol'
import { failureOutsideLogs } from '@copr/contract/failure'

/** The source types that no builder supports. */
type UnsupportedType = 'distgit'

const WORDS: Record<UnsupportedType, string> = {
  distgit: 'another dist-git',
}

/** Returns the result of a build whose source type no builder supports. */
export function cannotMake(type: UnsupportedType): FinishRequest {
  const reason = `This site cannot make source packages from ${WORDS[type]} yet: upload a .src.rpm instead`
  const failure = failureOutsideLogs(
    'infrastructure',
    'Upload a source package (.src.rpm), or link to one.',
  )
  return { outcome: 'failed', reason, failure, files: [] }
}
