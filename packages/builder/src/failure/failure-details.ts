import type { FailureDetails } from '@copr/contract/failure'
import type { BuildFailure } from '../build-failure.ts'
import type { FailureScanner } from './failure-scanner.ts'

/** Describes a failure based on the live log, which users see as `builder-live.log`: line numbers refer to that file. */
export function failureDetails(failure: BuildFailure, scanner: FailureScanner): FailureDetails {
  return { ...scanner.details(failure), log: 'builder-live.log' }
}
