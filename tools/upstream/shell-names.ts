/** The functions of upstream's helpers that make assertions, besides beakerlib's own. */
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
 * Returns the lines of a shell test that make assertions, counted from 1: where each begins, as bash reports it. A call of a helper counts as one,
 * whatever it asserts.
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
