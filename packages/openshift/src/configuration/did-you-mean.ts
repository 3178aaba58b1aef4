import { closestMatch } from 'leven'

/** Returns the known word that is most similar to a mistyped one; undefined if none is similar enough. */
export function didYouMean(word: string, known: string[]): string | undefined {
  const byLowerCase = new Map(known.map((each) => [each.toLowerCase(), each]))
  const found = closestMatch(word.toLowerCase(), [...byLowerCase.keys()], {
    // At least 2, because two swapped neighboring letters count as two changes.
    maxDistance: Math.max(2, Math.floor(word.length / 3)),
  })
  return found === undefined ? undefined : byLowerCase.get(found)
}
