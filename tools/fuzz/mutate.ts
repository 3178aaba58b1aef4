/** Returns a random integer that is at least 0 and less than the limit. */
export type Random = (limit: number) => number

const BYTES = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x22, 0x26, 0x3c, 0x3e, 0x0a]
const NUMBERS = [
  0, 1, 2, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
]
export const MAX_INPUT_BYTES = 256 * 1024

export function pick<T>(list: readonly T[], random: Random): T {
  const found = list[random(list.length)]
  if (found === undefined) throw new Error('Cannot pick from an empty list')
  return found
}

/** Changes bytes without knowing their meaning. `other` is an input from which a slice may be copied. */
export function mutateBytes(
  input: Buffer,
  { random, words, other }: { random: Random; words: readonly string[]; other: Buffer },
): Buffer {
  const at = random(input.length + 1)
  const end = Math.min(input.length, at + 1 + random(pick([2, 8, 64, 1024], random)))
  const cut = (middle: Buffer, to: number): Buffer =>
    Buffer.concat([input.subarray(0, at), middle, input.subarray(to)])
  switch (random(9)) {
    case 0:
      return cut(Buffer.from([pick(BYTES, random)]), Math.min(input.length, at + 1))
    case 1:
      return cut(Buffer.from([random(256)]), at)
    case 2:
      return cut(Buffer.alloc(0), end)
    case 3:
      return cut(Buffer.concat([input.subarray(at, end), input.subarray(at, end)]), end)
    case 4:
      return cut(Buffer.from(words.length > 0 ? pick(words, random) : '\0'), at)
    case 5: {
      const from = random(other.length + 1)
      return cut(other.subarray(from, from + random(256)), end)
    }
    case 6:
      return withNumber(input, at, random)
    case 7: {
      const piece = input.subarray(at, Math.min(end, at + 16))
      return cut(Buffer.concat(Array<Buffer>(1 + random(2000)).fill(piece)), end)
    }
    default: {
      const flipped = Buffer.from(input)
      if (at < flipped.length) flipped.writeUInt8((flipped[at] ?? 0) ^ (1 << random(8)), at)
      return flipped
    }
  }
}

function withNumber(input: Buffer, at: number, random: Random): Buffer {
  const bytes = Buffer.from(input)
  const number = pick(NUMBERS, random)
  if (at + 4 > bytes.length) return bytes
  if (random(2) === 0) bytes.writeUInt32BE(number, at)
  else bytes.writeUInt32LE(number, at)
  return bytes
}

/** How often an item of this size may be repeated. More repetitions would be cut off or exceed the maximum string length. */
const longestRepeat = (size: number): number => Math.ceil(MAX_INPUT_BYTES / Math.max(1, size))

/** Removes, repeats, moves or replaces an item of the list that makes up an input, or inserts a new one. */
export function mutateList<T>(list: readonly T[], random: Random, fresh: () => T): T[] {
  const copy = [...list]
  const at = random(copy.length + 1)
  const [first] = copy.slice(at, at + 1)
  switch (random(5)) {
    case 0:
      copy.splice(at, 1)
      break
    case 1:
      // Occasionally, the number is very large, to reveal work that grows with the square of the input size.
      if (first !== undefined) {
        const times = 1 + random(random(20) === 0 ? 30_000 : 50)
        const size = typeof first === 'string' ? first.length : 1
        copy.splice(at, 0, ...Array<T>(Math.min(times, longestRepeat(size))).fill(first))
      }
      break
    case 2:
      if (first !== undefined) copy.splice(random(copy.length), 0, ...copy.splice(at, 1))
      break
    case 3:
      copy.splice(at, 1, fresh())
      break
    default:
      copy.splice(at, 0, fresh())
  }
  return copy
}
