import { closestMatch } from 'leven'

/** Returns the known word that a mistyped one most likely stands for; undefined if none is similar enough. */
export function didYouMean(word: string, known: string[]): string | undefined {
  const byLowerCase = new Map(known.map((each) => [each.toLowerCase(), each]))
  const found = closestMatch(word.toLowerCase(), [...byLowerCase.keys()], {
    // Two swapped neighboring letters count as two changes.
    maxDistance: Math.max(2, Math.floor(word.length / 3)),
  })
  return found === undefined ? undefined : byLowerCase.get(found)
}
