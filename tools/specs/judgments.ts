import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SpecResult } from './build-specs.ts'
import { UNEXPLAINED } from './verdict.ts'

/** A file in a folder of specs. It lists the failures that a person has explained: `NAME spec|missing|ours REASON`, one per line. */
const FILE = 'judgments'

export type Judgments = ReadonlyMap<string, Pick<SpecResult, 'verdict' | 'reason'>>

export async function readJudgments(dir: string): Promise<Judgments> {
  const text = await readFile(join(dir, FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return parseJudgments(text)
}

export function parseJudgments(text: string): Judgments {
  const judgments = new Map<string, Pick<SpecResult, 'verdict' | 'reason'>>()
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name, verdict, reason] = /^(\S+)\s+(spec|missing|ours)\s+(.+)$/.exec(line) ?? []
    if (name === undefined || verdict === undefined || reason === undefined)
      throw new Error(
        `Cannot read ${FILE}: expected "NAME spec|missing|ours REASON", received "${line}"`,
      )
    judgments.set(name, { verdict: verdict as 'spec' | 'missing' | 'ours', reason })
  }
  return judgments
}

/**
 * Applies a person's judgment to a failure that the log does not explain. It never changes results that say that a spec was built or lacks
 * a package.
 */
export function withJudgment(result: SpecResult, judgments: Judgments): SpecResult {
  const judged = judgments.get(result.name)
  if (judged === undefined || !result.reason.startsWith(UNEXPLAINED)) return result
  return { ...result, verdict: judged.verdict, reason: `judged: ${judged.reason}` }
}
