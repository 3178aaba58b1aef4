import type { Repository } from './repository.ts'

export interface DnfFault {
  words: string
  /** Whether the build is at fault, such as for a package that does not exist; otherwise the machine or one of our repositories is. */
  isBuilds: boolean
  /** `ENOSPC` if rpm refused the transaction because the disk, whoever owns it, is too small for it. */
  code?: 'ENOSPC'
}

const MAX_LINES = 6

/** Extracts from dnf's output why it failed, as one readable sentence. */
export function faultOfDnf(output: string, repositories: Repository[]): DnfFault {
  const unknown = [...output.matchAll(/^No match for argument: (.+)$/gm)].map(
    (match) => match[1] ?? '',
  )
  if (unknown.length > 0) {
    const list = [...new Set(unknown)].join(', ')
    return {
      words: `Packages needed for the build are missing: nothing provides ${list}`,
      isBuilds: true,
    }
  }
  const problems = [
    ...output.matchAll(
      /^\s*- (.*(?:nothing provides|conflicts with|cannot install|conflicting requests|requires|obsoletes|filtered out).*)$/gm,
    ),
  ]
  if (problems.length > 0) {
    const lines = [...new Set(problems.map((match) => match[1]?.trim() ?? ''))]
    const said = lines.filter((line) => !/^conflicting requests$/.test(line)).slice(0, MAX_LINES)
    return {
      words: `Packages needed for the build cannot be installed: ${said.join('; ')}`,
      isBuilds: true,
    }
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
