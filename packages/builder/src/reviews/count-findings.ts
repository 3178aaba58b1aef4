import type { Review, ReviewTool } from '@copr/contract/builder-protocol'

/** Counts the errors and warnings in a tool's report. */
export function countFindings(tool: ReviewTool, report: string): Review {
  switch (tool) {
    case 'rpmlint': {
      const [, errors, warnings] = SUMMARY.exec(report) ?? []
      return { tool, errors: Number(errors ?? 0), warnings: Number(warnings ?? 0) }
    }
    case 'fedora-review': {
      // Failed items are marked [!]. The items that a package must meet come first, then those that it should meet.
      const at = report.search(/^=+ (SHOULD|EXTRA) items =+$/m)
      const must = at < 0 ? report : report.slice(0, at)
      const errors = count(must, FAILED)
      return { tool, errors, warnings: count(report, FAILED) - errors }
    }
  }
}

/** The last line of rpmlint 1 and 2: `2 packages and 1 specfiles checked; 8 errors, 7 warnings` */
const SUMMARY = /\bchecked; (\d{1,9}) errors?, (\d{1,9}) warnings?\b(?!.*\bchecked; )/s
const FAILED = /^\[!\]:/gm

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}
