import { Session } from 'node:inspector/promises'

/** Tracks which blocks of the packages' code have run, using V8's precise coverage. A query takes milliseconds. */
export interface Coverage {
  /** Returns whether a new block has run, which is one that was not known at the last call of `learn()`. */
  hasNews(): Promise<boolean>
  /** Returns whether a new block has run, and marks all new blocks as known. */
  learn(): Promise<boolean>
}

export async function startCoverage(): Promise<Coverage> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const known = new Set<string>()
  const unknownBlocks = async (): Promise<string[]> => {
    const { result } = await session.post('Profiler.takePreciseCoverage')
    return result
      .filter(({ url }) => url.includes('/packages/'))
      .flatMap(({ url, functions }) =>
        functions.flatMap(({ ranges }) =>
          ranges
            .filter(({ count }) => count > 0)
            .map(({ startOffset, endOffset }) => `${url}:${startOffset}:${endOffset}`),
        ),
      )
      .filter((block) => !known.has(block))
  }
  return {
    hasNews: async () => (await unknownBlocks()).length > 0,
    async learn() {
      const blocks = await unknownBlocks()
      for (const block of blocks) known.add(block)
      return blocks.length > 0
    },
  }
}
