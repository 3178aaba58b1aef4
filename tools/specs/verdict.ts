/**
 * - `missing`: the mini distribution lacks a package that the spec requires
 * - `spec`: the spec or its sources are at fault, for example because a patch does not apply to Debian's version
 * - `ours`: the cause is a macro or the shell of the mini distribution, or our engine, or nobody has explained the failure yet
 */
export type Verdict = 'built' | 'missing' | 'spec' | 'ours'

export interface BuildOutcome {
  /** The reason for the failure, according to the engine; undefined if the build succeeded. */
  failure: string | undefined
  /** Whether the engine itself failed; users would see such a build being retried. */
  isEngineFault: boolean
  log: string
  /** Whether the spec was written for a different version of the sources. */
  hasOtherVersion: boolean
}

/** Prefix of the reason for a failure that only a person can explain. */
export const UNEXPLAINED = 'not explained: '

export interface Judgment {
  verdict: Verdict
  reason: string
}

/** Log lines in which rpm or the shell reports an unknown macro, or a shell other than bash reports a syntax error. */
const MACRO_FAULTS = [
  /^.*: line \d+: fg: no job control$/m,
  /^.*: line \d+: %\S*: command not found$/m,
  /^error: .*: (?:Unknown tag|Tag takes single token only|Illegal char|Illegal sequence|Bad source|bad %if condition|parse error in expression).*$/m,
  /^error: .*(?:Unknown option|Failed to expand|recursion|Unterminated|argument expected).*$/m,
  /^error: .*%\{.*$/m,
  /^.*: (?:line \d+: )?syntax error.*$/m,
]

const SPEC_FAULTS = [
  /^(?:\d+ out of \d+ hunks? FAILED.*|error: patch failed: .*|patch: \*\*\*\* .*)$/m,
  // Debian's tarball is a copy of upstream's repository and lacks the files that upstream generates for a release.
  /^.*: (?:\.\.?\/)+configure: No such file or directory$/m,
  /^error: Architecture is not included: .*$/m,
  /^error: Architecture is excluded: .*$/m,
]

/** Explains the outcome of a build from the engine's reason and the log. */
export function judge({ failure, isEngineFault, log, hasOtherVersion }: BuildOutcome): Judgment {
  // rpm nevertheless builds a package with such a macro, for example with the release "%autorelease".
  const unexpanded = /^(?:warning|error): .*Possible unexpanded macro in: .*$/m.exec(log)?.[0]
  if (unexpanded !== undefined) return { verdict: 'ours', reason: unexpanded }
  if (failure === undefined) return { verdict: 'built', reason: '' }
  if (isEngineFault) return { verdict: 'ours', reason: `the engine failed: ${failure}` }
  const lacking = /nothing provides (.*)$/.exec(failure)?.[1]
  if (lacking !== undefined) return { verdict: 'missing', reason: lacking }
  if (/its sources lack/.test(failure)) return { verdict: 'spec', reason: failure }
  const ours = firstOf(MACRO_FAULTS, log)
  if (ours !== undefined) return { verdict: 'ours', reason: ours }
  const ofSpec = firstOf(SPEC_FAULTS, log)
  if (ofSpec !== undefined) return { verdict: 'spec', reason: ofSpec }
  if (hasOtherVersion)
    return { verdict: 'spec', reason: `written for another version: ${failureLine(failure, log)}` }
  return { verdict: 'ours', reason: `${UNEXPLAINED}${failureLine(failure, log)}` }
}

function firstOf(patterns: RegExp[], log: string): string | undefined {
  for (const pattern of patterns) {
    const found = pattern.exec(log)?.[0]
    if (found !== undefined) return found.trim()
  }
  return undefined
}

/** Returns the engine's reason, followed by the most informative lines of the log. */
function failureLine(failure: string, log: string): string {
  const listed =
    /^ {4}(File not found|Installed \(but unpackaged\) file\(s\) found|.*not found).*\n?(?: {3}.*\n?)?/m.exec(
      log,
    )
  const error = listed?.[0] ?? /^.*(?:\berror:|\*\*\*|FAILED|Error \d).*$/im.exec(log)?.[0]
  const detail = error?.trim().replaceAll(/\s+/g, ' ')
  return detail === undefined || failure.includes(detail) ? failure : `${failure}: ${detail}`
}
