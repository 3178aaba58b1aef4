/**
 * Either a pair of elements with the same identity, or a difference: the elements `was`, which begin at index `at` of the first list, are
 * replaced by the elements `is` of the second list.
 */
export type Alignment<T> = { at: number; pair: [T, T] } | { at: number; was: T[]; is: T[] }

/** Aligns two lists by their longest common subsequence of identities, in the order of the first list. */
export function align<T>(before: T[], after: T[], identityOf: (each: T) => string): Alignment<T>[] {
  const pairs = commonPairs(before.map(identityOf), after.map(identityOf))
  const found: Alignment<T>[] = []
  let [i, j] = [0, 0]
  for (const [nextI, nextJ] of [...pairs, [before.length, after.length] as const]) {
    const [was, is] = [before.slice(i, nextI), after.slice(j, nextJ)]
    if (was.length > 0 || is.length > 0) found.push({ at: i, was, is })
    if (nextI < before.length)
      found.push({ at: nextI, pair: [before[nextI] as T, after[nextJ] as T] })
    ;[i, j] = [nextI + 1, nextJ + 1]
  }
  return found
}

function commonPairs(a: string[], b: string[]): [number, number][] {
  // lengths[i][j]: length of the longest common subsequence of the rest of a from index i on and the rest of b from index j on.
  const lengths = Array.from({ length: a.length + 1 }, () => Array<number>(b.length + 1).fill(0))
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i]![j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  const pairs: [number, number][] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length)
    if (a[i] === b[j]) pairs.push([i++, j++])
    else if (at(i + 1, j) >= at(i, j + 1)) i++
    else j++
  return pairs
}
