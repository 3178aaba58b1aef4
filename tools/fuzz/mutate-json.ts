import { mutateList, pick, type Random } from './mutate.ts'

/** Changes a random value in a JSON text; returns undefined if the text is not JSON. */
export function mutateJson(
  input: Buffer,
  random: Random,
  words: readonly string[],
): Buffer | undefined {
  try {
    const tree: unknown = JSON.parse(input.toString('utf8'))
    return Buffer.from(JSON.stringify(changed(tree, random, words)) ?? '')
  } catch {
    return undefined
  }
}

function value(random: Random, words: readonly string[], depth: number): unknown {
  const more = depth < 6 ? 8 : 6
  switch (random(more)) {
    case 0:
      return null
    case 1:
      return random(2) === 0
    case 2:
      return pick([0, -1, 1.5, 1e308, 2 ** 53, random(1000)], random)
    case 3:
      return pick(words, random)
    case 4:
      return pick(words, random).repeat(random(100))
    case 5:
      return [pick(words, random)]
    case 6:
      return Array.from({ length: random(6) }, () => value(random, words, depth + 1))
    default:
      return Object.fromEntries(
        Array.from({ length: random(6) }, () => [
          pick(words, random),
          value(random, words, depth + 1),
        ]),
      )
  }
}

/** Replaces a value somewhere in the tree. */
function changed(tree: unknown, random: Random, words: readonly string[], depth = 0): unknown {
  if (random(4) === 0 || depth > 20) return value(random, words, 0)
  if (Array.isArray(tree)) {
    if (random(2) === 0 || tree.length === 0)
      return mutateList<unknown>(tree, random, () => value(random, words, 1))
    const at = random(tree.length)
    return tree.with(at, changed(tree[at], random, words, depth + 1))
  }
  if (typeof tree !== 'object' || tree === null) return value(random, words, 1)
  const entries = Object.entries(tree)
  if (random(2) === 0 || entries.length === 0)
    return Object.fromEntries([...entries, [pick(words, random), value(random, words, 1)]])
  const [key, old] = pick(entries, random)
  return { ...tree, [key]: changed(old, random, words, depth + 1) }
}
