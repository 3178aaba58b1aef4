import type { FailureDetails } from '@copr/contract/failure'
import { FailureScanner } from '../../failure/failure-scanner.ts'
import type { FailingCase } from './cases.ts'

/** Maximum distance of the reported line from the first error. */
const MAX_DISTANCE = 3

/** The last line, which the engine writes when it knows the failure already. */
const LAST_LINE =
  /^\[ *\d+\.\d\d s\] (?:Build failed|The builder failed, the build will be retried): /

/** Returns the details of a failure as the engine finds them from the log of a case. */
export function detailsOf({ known }: FailingCase, log: string): Omit<FailureDetails, 'log'> {
  const scanner = new FailureScanner()
  const lines = log.split('\n')
  const end = lines.findLastIndex((text) => LAST_LINE.test(text))
  scanner.write(lines.slice(0, end < 0 ? undefined : end).join('\n'))
  return scanner.details({ category: known })
}

/** Returns the mistakes in the engine's description of a failure, as sentences. */
export function faultsOf(
  { category, section, error }: FailingCase,
  log: string,
  details: Omit<FailureDetails, 'log'>,
): string[] {
  const lines = log.split('\n')
  const index =
    error === undefined
      ? lines.findLastIndex((text) => text !== '' && !LAST_LINE.test(text))
      : lines.findIndex((text) => error.test(text))
  if (index < 0) return [`no line of the log matches ${error?.source ?? 'anything'}`]
  const line = index + 1
  const faults: string[] = []
  if (details.category !== category)
    faults.push(`expected the category ${category}, found ${details.category}`)
  if (details.section !== section)
    faults.push(`expected the section ${section ?? 'none'}, found ${details.section ?? 'none'}`)
  if (details.line === null || Math.abs(details.line - line) > MAX_DISTANCE)
    faults.push(`expected line ${line}, found ${details.line ?? 'none'}`)
  return faults
}
