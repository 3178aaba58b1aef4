import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { BuildLog } from './build-log.ts'

async function logFixture(t: TestContext, folder = '') {
  const dir = await mkdtemp(join(tmpdir(), 'copr-log-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const live: string[] = []
  const calls: string[] = []
  const log = new BuildLog({
    context: {
      writeLog: (chunk) => void live.push(Buffer.from(chunk).toString()),
      phase: () => undefined,
    },
    dir: join(dir, folder),
    max_bytes: 10,
    onTooLong: () => void calls.push('too long'),
    onUnwritable: (error) => void calls.push(String((error as NodeJS.ErrnoException).code)),
  })
  const part = async (name: string): Promise<string> =>
    await readFile(join(dir, `${name}.log`), 'utf8')
  return { log, live, calls, part }
}

test('a log is cut off at its size limit, which is reported once', async (t) => {
  const { log, live, calls, part } = await logFixture(t)
  log.output('123456', 'build')
  log.output('789abcdef', 'build')
  log.output('more', 'build')
  assert.equal(live.join(''), '123456789a')
  assert.equal(await part('build'), '123456789a')
  assert.deepEqual(calls, ['too long'])
})

test('a separate log is cut off at the size limit, even if its output is not in the live log', async (t) => {
  const { log, part } = await logFixture(t)
  log.only('123456', 'installed_pkgs')
  log.only('789abcdef', 'installed_pkgs')
  log.only('more', 'installed_pkgs')
  assert.equal(await part('installed_pkgs'), '123456789a')
})

test('a separate log that cannot be written is reported once, and the live log continues', async (t) => {
  const { log, live, calls } = await logFixture(t, 'missing')
  log.output('one', 'build')
  log.output('two', 'build')
  assert.equal(live.join(''), 'onetwo')
  assert.deepEqual(calls, ['ENOENT'])
})
