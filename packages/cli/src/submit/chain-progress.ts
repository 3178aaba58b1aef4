import type { ChainAnswer } from '@copr/contract/api/chains'

/** Returns a function that describes, in lines for people to read, what has changed in a chain since its last call. */
export function chainProgress(): (chain: ChainAnswer) => string[] {
  const shown = new Map<string, string>()
  return (chain) => {
    const lines: string[] = []
    const done = `${chain.counts.succeeded} of ${chain.counts.total}`
    const show = (key: string, line: string | undefined, text = line): void => {
      if (line === undefined || shown.get(key) === line) return
      shown.set(key, line)
      lines.push(text ?? line)
    }
    for (const { id, package: name, state } of chain.builds)
      if (state === 'failed' && name === null) show(`${id}`, `failed    build ${id}`)
    for (const chroot of chain.chroots) {
      const where = chain.chroots.length > 1 ? ` in ${chroot.name}` : ''
      for (const one of chroot.packages) {
        const line = lineOf(one, where)
        const text = one.state === 'succeeded' ? `${line} (${done})` : line
        show(`${one.build_id} ${chroot.name}`, line, text)
      }
      for (const { text } of chroot.cycles)
        show(`cycle ${text}${where}`, `cycle     ${text}${where}`)
    }
    return lines
  }
}

type ChainPackage = ChainAnswer['chroots'][number]['packages'][number]

function lineOf(
  { package: name, state, unmet, reason }: ChainPackage,
  where: string,
): string | undefined {
  const what = `${name}${where}`
  switch (state) {
    case 'starting':
    case 'running':
      return `building  ${what}`
    case 'succeeded':
      return `built     ${what}`
    case 'pending':
      return unmet.length > 0 ? `waits     ${what}: for ${unmet.join(', ')}` : undefined
    case 'failed':
      return `failed    ${what}: ${reason ?? 'see its build'}`
    case 'canceled':
    case 'skipped':
      return `${state.padEnd(10)}${what}`
    case 'importing':
    case 'waiting':
    case 'forked':
    case 'unknown':
      return undefined
  }
}

/** Describes the result of a chain in a few lines: its waves, its cycles, and how many builds succeeded or failed. */
export function summaryOf({ id, state, counts, chroots }: ChainAnswer): string {
  const lines = chroots.flatMap(({ name, packages, cycles }) => {
    const waves = Map.groupBy(packages, ({ wave }) => wave)
    const numbers = [...waves.keys()].filter((wave) => wave !== null).toSorted((a, b) => a - b)
    return [
      `${name}:`,
      ...numbers.map((wave) => `  wave ${wave}: ${namesOf(waves.get(wave) ?? [])}`),
      ...cycles.map(({ text }) => `  cycle: ${text}`),
    ]
  })
  const { total, succeeded, failed } = counts
  return [
    ...lines,
    `chain ${id} ${state}: ${succeeded} of ${total} builds succeeded, ${failed} failed or canceled`,
  ].join('\n')
}

function namesOf(packages: ChainPackage[]): string {
  return packages.map((one) => one.package).join(' ')
}
