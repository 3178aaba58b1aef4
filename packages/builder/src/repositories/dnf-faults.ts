import type { Repository } from './repository.ts'
import { shortened } from './requirements.ts'

export interface DnfFault {
  words: string
  /**
   * Whether the build is at fault, for example because it needs a package that does not exist. If false, the machine or one of our
   * repositories is at fault.
   */
  isBuilds: boolean
  /** `ENOSPC` if rpm refused the transaction because a disk (the build's own or the machine's) is too small. */
  code?: 'ENOSPC'
}

const MAX_LINES = 6
/**
 * Maximum length of the list of missing packages. A build's reason has at most 2,000 characters, and must also name packages that cannot be
 * installed.
 */
const MAX_LIST_LENGTH = 1200
const PROBLEM =
  /nothing provides|conflicts with|cannot install|requires|obsoletes|filtered out|is needed by/

/** Extracts from dnf's output, as one readable sentence, why dnf failed. */
export function faultOfDnf(output: string, repositories: Repository[]): DnfFault {
  const missing = missingIn(output)
  const problems = problemsIn(output).slice(0, MAX_LINES).map(shortened).join('; ')
  if (missing.length > 0) {
    const others = problems && `; others cannot be installed: ${problems}`
    return {
      words: `Packages needed for the build are missing: nothing provides ${listed(missing)}${others}`,
      isBuilds: true,
    }
  }
  if (problems !== '')
    return {
      words: `Packages needed for the build cannot be installed: ${problems}`,
      isBuilds: true,
    }
  const space = /^\s*(.* more (?:space|inodes) .*\bfilesystem)/m.exec(output)?.[1]
  if (space !== undefined)
    return {
      words: `Packages needed for the build do not fit: ${space.slice(0, 500)}`,
      isBuilds: false,
      code: 'ENOSPC',
    }
  const broken = /Failed to download metadata for repo '([^']+)'/.exec(output)?.[1]
  const repository = repositories.find(({ config }) => config.id === broken)
  const last =
    output
      .trim()
      .split('\n')
      .filter((line) => /error|cannot|failed/i.test(line))
      .at(-1) ?? 'dnf failed'
  return {
    words: `Cannot install packages into the root: ${last.trim().slice(0, 500)}`,
    isBuilds: repository?.isOurs === false,
  }
}

/** Returns the build's direct requirements that no package provides. */
export function missingIn(output: string): string[] {
  const found = output.matchAll(/^(?:No match for argument: | *- nothing provides )(.+)$/gm)
  return unique(found).filter((one) => !/ needed by \S+(?: from \S+)?$/.test(one))
}

/** Returns all requirements that no package provides: the build's own, and those of packages that it needs. */
export function unmetIn(output: string): string[] {
  const ofOthers = output.matchAll(/^[^\n]*- nothing provides (.+?) needed by \S+(?: from \S+)?$/gm)
  return [...new Set([...missingIn(output), ...unique(ofOthers)])]
}

/** Returns the other problems, such as conflicts, or packages whose own requirements are missing. */
function problemsIn(output: string): string[] {
  const ofSolver = unique(output.matchAll(/^ *(?:- |Problem(?: \d+)?: )(.+)$/gm)).filter(
    (one) => PROBLEM.test(one) && (!one.startsWith('nothing provides ') || / needed by /.test(one)),
  )
  // These are reported by rpm, which checks dnf's solution.
  const [, ofCheck = ''] = output.split(/^Error: transaction check vs depsolve:$/m)
  return [...ofSolver, ...unique(ofCheck.matchAll(/^\s*(.+ is needed by .+)$/gm))]
}

function unique(matches: Iterable<RegExpMatchArray>): string[] {
  return [...new Set(Array.from(matches, (match) => match[1]?.trim() ?? ''))]
}

/** Joins as many of the texts as fit, and adds how many others there are. */
function listed(texts: string[]): string {
  let length = 0
  const shown = texts.map(shortened).filter((one) => (length += one.length + 2) <= MAX_LIST_LENGTH)
  const rest = texts.length - shown.length
  return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
