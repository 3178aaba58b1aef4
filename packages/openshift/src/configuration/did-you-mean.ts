import { closestMatch } from 'leven'

/** The known word that a mistyped one most likely stands for; undefined when none is near. */
export function didYouMean(word: string, known: string[]): string | undefined {
  const byLowerCase = new Map(known.map((each) => [each.toLowerCase(), each]))
  const found = closestMatch(word.toLowerCase(), [...byLowerCase.keys()], {
    // Two neighbors that were swapped count as two changes.
    maxDistance: Math.max(2, Math.floor(word.length / 3)),
  })
  return found === undefined ? undefined : byLowerCase.get(found)
}
