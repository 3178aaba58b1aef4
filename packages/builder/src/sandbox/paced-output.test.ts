import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { takePaced } from './paced-output.ts'

const MIB = 1024 ** 2

test('a flood of output is paused after a burst, and read completely', async () => {
  const stream = new PassThrough({ highWaterMark: 64 * MIB })
  let taken = 0
  let pauses = 0
  stream.on('pause', () => pauses++)
  takePaced(stream, (chunk) => (taken += chunk.length))
  for (let mib = 0; mib < 18; mib++) stream.write(Buffer.alloc(MIB))
  stream.end()
  await new Promise((resolve) => stream.once('end', resolve))
  assert.equal(taken, 18 * MIB)
  assert.equal(pauses, 2)
})

test('output that stays within the burst is never paused', async () => {
  const stream = new PassThrough()
  let taken = 0
  stream.on('pause', () => assert.fail('paused'))
  takePaced(stream, (chunk) => (taken += chunk.length))
  for (let part = 0; part < 4; part++) {
    stream.write(Buffer.alloc(4 * MIB))
    await sleep(1)
  }
  assert.equal(taken, 16 * MIB)
})
