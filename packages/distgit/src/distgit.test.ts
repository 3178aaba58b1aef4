import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { FAKE_ENROLL_TOKEN, FakeGateway } from '@copr/agent/testing/fake-gateway'
import { silentLog } from '@copr/process/log'
import { runDistgit } from './distgit.ts'
import { git, importTask, makeSrpm, tempDir } from './testing.ts'

test('runDistgit() imports an SRPM from the gateway and serves it', async (t) => {
  const srpm = await readFile(await makeSrpm(t, '1'))
  await using gateway = await new FakeGateway({ srpm }).listen()
  const stop = new AbortController()
  const { promise: port, resolve: onListening } = Promise.withResolvers<number>()
  const ended = runDistgit({
    gateway_url: gateway.url,
    enroll_token: FAKE_ENROLL_TOKEN,
    root: await tempDir(t),
    host: '127.0.0.1',
    port: 0,
    limits: { max_unpacked_bytes: 1e6, max_unpacked_file_bytes: 1e6, max_unpacked_files: 100 },
    log: silentLog(),
    stop: stop.signal,
    onListening,
  })
  gateway.push(importTask())
  const outcome = await gateway.finished('12')
  assert.ok(outcome.outcome === 'succeeded')
  const refs = await git('ls-remote', `http://127.0.0.1:${await port}/git/dana/tools/hello`, 'f43')
  assert.equal(refs, `${outcome.branch_commits?.['f43']}\trefs/heads/f43`)
  stop.abort()
  await ended
})
