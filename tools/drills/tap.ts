export interface TapSummary {
  passed: number
  /** Titles of failed tests. */
  failed: string[]
  /** Titles of skipped tests, with their reasons. */
  skipped: { title: string; reason: string }[]
  /** Comments of tests, for example about attempts that are impossible on the machine. */
  notes: string[]
}

/** Summarizes the output of node's TAP reporter for one file. If the end of the output is missing, this counts as a failure. */
export function summarizeTap(output: string): TapSummary {
  const summary: TapSummary = { passed: 0, failed: [], skipped: [], notes: [] }
  for (const line of output.split('\n')) {
    const note = /^# (Not tried.*)$/.exec(line)
    if (note) summary.notes.push(unescape(note[1] ?? ''))
    const [, not, text = ''] = /^(not )?ok \d+ - (.*)$/.exec(line) ?? []
    if (text === '') continue
    const [title = '', reason] = text.split(/ # SKIP ?/)
    if (reason !== undefined)
      summary.skipped.push({ title: unescape(title), reason: unescape(reason) })
    else if (not) summary.failed.push(unescape(title))
    else summary.passed++
  }
  if (!/^# fail \d+$/m.test(output)) summary.failed.push('the test file did not run to its end')
  return summary
}

function unescape(text: string): string {
  return text.replaceAll(/\\([#\\])/g, '$1').trim()
}
