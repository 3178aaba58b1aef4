/** Returns a function that returns pseudorandom integers from 0 to `limit` - 1, the same sequence in each run (xorshift). */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed | 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}
