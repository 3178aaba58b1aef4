/** Upstream's helper functions that make assertions, in addition to those of beakerlib. */
const HELPERS = [
  'setup_checks',
  'copr_build_and_parse_id',
  'cleanProject',
  'cleanAction',
  'workdirSetup',
  'workdirCleanup',
  'setupProjectName',
]
const ASSERTION = new RegExp(
  String.raw`^\s*(?:rlRun|rlAssert[A-Z]\w*|${HELPERS.join('|')})(?:\s|$)`,
)

/**
 * Returns the line numbers, counted from 1, at which a shell test's assertions begin. They are the numbers that bash reports. A call of a
 * helper counts as one assertion, whatever it checks.
 */
export function assertionLines(script: string): number[] {
  const found: number[] = []
  let continues = false
  for (const [index, line] of script.split('\n').entries()) {
    if (!continues && ASSERTION.test(line)) found.push(index + 1)
    continues = line.endsWith('\\') && !line.trimStart().startsWith('#')
  }
  return found
}
