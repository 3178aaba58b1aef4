import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { run, type RunOutcome } from '@copr/process/run'
import { assertNothingLeft } from '@copr/testkit/system/leftovers'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { COPRCTL } from '@copr/testkit/system/start-system'

const MAY_TAKE_MS = 300_000

suite('failing starts', { skip: whyNoSystem(process.env['PATH']) }, () => {
  test('a disk that fills up while the mini distribution is made is reported, and no process keeps running', async (t) => {
    const dir = temporaryFolder(t)
    const port = await freePort()
    // The space is sufficient, but the number of inodes is only enough for a database, not for a distribution.
    const small = 'mount -t tmpfs -o size=3g,nr_inodes=2500 tmpfs "$1"; shift; exec "$@"'
    const prefix = ['--mount', '--propagation', 'private', 'sh', '-c', small, 'sh', dir]
    const ended = await run('unshare', [...prefix, ...upOn(dir, port)], { timeout_ms: MAY_TAKE_MS })
    assert.match(ended.output, /✗ mini distribution/)
    assert.match(
      sentenceOf(ended),
      /^Cannot continue: the file system of \S+ is full \(free now: \d\.\d\d GB and \d+ of 2500 inodes\); free some space/,
    )
    await assertNothingLeft(dir, port)
  })

  test('a keygen that cannot start is reported, and no process keeps running', async (t) => {
    const dir = temporaryFolder(t)
    const port = await freePort()
    writeFileSync(join(dir, 'keygen-master-key'), 'not a key', { mode: 0o600 })
    const ended = await run(process.execPath, upOn(dir, port).slice(1), { timeout_ms: MAY_TAKE_MS })
    assert.match(sentenceOf(ended), /^Cannot start keygen: .*keygen-master-key/)
    await assertNothingLeft(dir, port)
  })
})

function upOn(dir: string, port: number): string[] {
  return [process.execPath, COPRCTL, 'up', '--no-example', '--data-dir', dir, '--port', `${port}`]
}

function temporaryFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'copr-start-failures-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Returns the error message of a failed start, which must have printed exactly one. */
function sentenceOf(ended: RunOutcome): string {
  assert.ok(!ended.ok)
  assert.equal(ended.exit_code, 1, ended.output)
  const [sentence = '', ...more] = ended.output.split('\ncoprctl: ').slice(1)
  assert.deepEqual(more, [], ended.output)
  assert.doesNotMatch(ended.output, /^ {4}at /m)
  return sentence
}
