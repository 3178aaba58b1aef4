import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const PROGRAM = `
import { stopSignal } from '${new URL('stop-signal.ts', import.meta.url).href}'
const stop = stopSignal()
const busy = setInterval(() => undefined, 1000)
stop.addEventListener('abort', () => {
  process.stdout.write('stopping\\n')
  process.stdin.once('data', () => {
    clearInterval(busy)
    process.stdin.unref()
    process.stdout.write('clean\\n')
  })
})
process.stdout.write('ready\\n')
`

test('a second SIGTERM does not end a process before it has cleaned up', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  child.stdin.end('go on\n')
  assert.equal(await text(child.stdout), 'clean\n')
  assert.deepEqual(await ended, [0, null])
})
