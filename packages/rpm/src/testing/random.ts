/** Returns a generator of numbers from 0 to below a limit that are the same in each run (xorshift). */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed | 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}
