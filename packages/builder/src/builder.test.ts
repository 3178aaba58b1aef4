import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { FAKE_ENROLL_TOKEN, FakeGateway } from '@copr/agent/testing/fake-gateway'
import { silentLog } from '@copr/process/log'
import { runBuilder } from './builder.ts'
import { machineFaults } from './check-machine.ts'
import { buildFixture } from './testing/build-fixture.ts'

const faults = await machineFaults()
const skip = faults.length > 0 && faults.join('; ')

const SPEC = `Name: slow
Version: 1.0
Release: 1
Summary: Slow
License: MIT
BuildArch: noarch
%description
Slow.
%build
echo now
%{?sleep:sleep 1000}
%files
`

test(
  'a builder runs queued tasks, streams their logs, and requeues a task when it is stopped',
  { skip },
  async (t) => {
    await using fixture = await buildFixture()
    const gateway = await new FakeGateway().listen()
    const stop = new AbortController()
    const scratch_dir = join(fixture.dir, 'scratch')
    const ended = runBuilder({
      gateway_url: gateway.url,
      enroll_token: FAKE_ENROLL_TOKEN,
      name: 'builder-1',
      scratch_dir,
      cache_dir: fixture.cacheDir,
      arches: ['x86_64'],
      tags: [],
      allow_private_urls: true,
      log: silentLog(),
      stop: stop.signal,
    })
    t.after(() => gateway[Symbol.asyncDispose]())

    const quick = await fixture.task(SPEC)
    gateway.push(quick)
    const outcome = await gateway.finished(quick.task_id)
    assert.equal(outcome.outcome, 'succeeded', gateway.log(quick.task_id))
    assert.ok(gateway.files(quick.task_id).has('slow-1.0-1.noarch.rpm'))
    assert.match(gateway.log(quick.task_id), /Build succeeded\n$/)

    const canceled = await fixture.task(SPEC, { macros: { sleep: '1' } })
    gateway.push(canceled)
    await gateway.until(canceled.task_id, () => gateway.log(canceled.task_id).includes('\nnow\n'))
    gateway.cancel(canceled.task_id)
    assert.equal((await gateway.finished(canceled.task_id)).outcome, 'canceled')

    const stopped = await fixture.task(SPEC, { macros: { sleep: '1' } })
    gateway.push(stopped)
    await gateway.until(stopped.task_id, () => gateway.log(stopped.task_id).includes('\nnow\n'))
    stop.abort()
    assert.equal((await gateway.finished(stopped.task_id)).outcome, 'lost')
    await ended
    assert.deepEqual(
      (await readdir(scratch_dir)).filter((name) => name !== 'cache' && name !== 'start.lock'),
      [],
    )
  },
)
