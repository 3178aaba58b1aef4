import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes } from './format-bytes.ts'

for (const [bytes, text] of [
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [1024 ** 2 - 1, '1 MiB'],
  [100 * 1024 ** 3, '100 GiB'],
  [2 ** 53, '8 PiB'],
  [-2048, '-2 KiB'],
] as const)
  test(`formatBytes() formats ${bytes} as ${text}`, () => assert.equal(formatBytes(bytes), text))
