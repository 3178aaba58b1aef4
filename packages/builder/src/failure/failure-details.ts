import type { FailureDetails } from '@copr/contract/failure'
import type { BuildFailure } from '../build-failure.ts'
import type { FailureScanner } from './failure-scanner.ts'

/** Describes a failure with what its live log shows. The log that users see, and whose lines count, is `builder-live.log`. */
export function failureDetails(failure: BuildFailure, scanner: FailureScanner): FailureDetails {
  return { ...scanner.details(failure), log: 'builder-live.log' }
}
