import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MIN_PART_BYTES, partsOf, type Piece } from './compose.ts'

const MB = 1024 ** 2

for (const sizes of [
  [],
  [0],
  [1],
  [1, 0, 2],
  [8 * MB],
  [8 * MB, 1],
  [1, 8 * MB],
  [3 * MB, 3 * MB, 3 * MB],
  [8 * MB, 8 * MB, 8 * MB, 17],
  [100, 5 * MB, 100, 8 * MB],
  [5 * MB - 1, 2, 5 * MB],
  [1024 * MB + 3],
  [3000 * MB],
  [7, 2048 * MB + 1, 4 * MB],
])
  test(`partsOf() cuts pieces of ${sizes.join(', ')} bytes into parts that S3 accepts`, () => {
    const pieces = sizes.map((length, index): Piece => ({
      key: `k${index}`,
      start: 10,
      length,
      isWhole: false,
    }))
    const parts = partsOf(pieces)
    const size = (part: Piece[]): number => part.reduce((sum, { length }) => sum + length, 0)
    for (const part of parts.slice(0, -1)) assert.ok(size(part) >= MIN_PART_BYTES)
    for (const part of parts) {
      assert.ok(size(part) > 0 && size(part) <= 1024 * MB)
      // The bytes of a part that is not copied pass through this process, so such a part must be small.
      assert.ok(part.length === 1 || size(part) <= MIN_PART_BYTES)
    }
    const joined: Piece[] = []
    for (const piece of parts.flat()) {
      const last = joined.at(-1)
      if (last && last.key === piece.key) {
        assert.equal(last.start + last.length, piece.start)
        last.length += piece.length
      } else joined.push({ ...piece })
    }
    assert.deepEqual(
      joined,
      pieces.filter(({ length }) => length > 0),
    )
  })
