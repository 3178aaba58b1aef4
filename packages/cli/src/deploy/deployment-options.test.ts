import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coprctl } from '../coprctl.ts'

for (const command of [['deploy'], ['upgrade'], ['undeploy'], ['dev', 'down'], ['dev', 'up']])
  test(`${command.join(' ')} refuses a --timeout that is not a number of seconds`, async () => {
    for (const text of ['abc', '', '-1', '5m']) {
      let said = ''
      const code = await coprctl([...command, '--timeout', text], {
        env: {},
        stdin: (async function* () {})(),
        stdout: { write: () => true },
        stderr: { write: (more: string) => (said += more) },
      })
      assert.equal(code, 2, said)
      assert.match(said, /--timeout <seconds>.*a number of seconds/)
    }
  })
