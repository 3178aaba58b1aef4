import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery } from '@copr/domain/outbox/queues'
import { busMessages } from './bus-messages.ts'

const DATA = {
  ownername: 'dana',
  projectname: 'telescope',
  project_dirname: 'telescope:pr:1',
  build_id: 12,
  submitter: 'kim',
  package: { name: 'lens', version: '1:2.0-3' },
  state: 'succeeded',
}

function delivery(event: string, data: Record<string, unknown> = {}): Delivery {
  return {
    id: 1,
    queue_id: 1,
    ordering: 'build 12',
    message_id: '0d2c3d0e-5d5b-4d67-9a53-2f6c0c9b7f11',
    event,
    data: { ...DATA, ...data },
    created_at: new Date('2026-11-22T12:00:00.123Z'),
    not_before: null,
    attempts: 0,
    outcome: null,
    ended_at: null,
    status: null,
    answer: null,
  }
}

test('the end of a build chroot yields one message with the headers of Fedora Messaging', () => {
  const messages = busMessages(delivery('chroot.finished', { chroot: 'fedora-43-x86_64' }))
  assert.deepEqual(messages, [
    {
      topic: 'copr.build.end',
      message_id: '0d2c3d0e-5d5b-4d67-9a53-2f6c0c9b7f11',
      headers: {
        fedora_messaging_schema: 'copr.build.end',
        fedora_messaging_schema_package: 'copr_messaging',
        fedora_messaging_severity: 20,
        'sent-at': '2026-11-22T12:00:00+00:00',
        priority: 0,
        fedora_messaging_user_kim: true,
        fedora_messaging_user_dana: true,
      },
      body: {
        build: 12,
        chroot: 'fedora-43-x86_64',
        owner: 'dana',
        copr: 'telescope',
        pkg: 'lens',
        version: '1:2.0-3',
        user: 'kim',
        status: 1,
        what: 'build end: user:kim copr:dana/telescope build:12 pkg:lens version:1:2.0-3 chroot:fedora-43-x86_64',
        ip: null,
        who: 'copr.backend',
        pid: 0,
      },
    },
  ])
})

test('the start of a source build yields two messages with different ids, which stay the same when they are published again', () => {
  const event = delivery('source.started', {
    state: 'starting',
    package: { name: null, version: null },
  })
  const messages = busMessages(event)
  assert.deepEqual(
    messages.map(({ topic, body, headers }) => [
      topic,
      body['chroot'],
      body['status'],
      headers['fedora_messaging_severity'],
    ]),
    [
      ['copr.build.start', 'srpm-builds', 3, 20],
      ['copr.chroot.start', 'srpm-builds', 3, 10],
    ],
  )
  const [first, second] = messages.map(({ message_id }) => message_id)
  assert.match(
    second ?? '',
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  assert.notEqual(first, second)
  assert.deepEqual(busMessages(event), messages)
})

for (const state of ['failed', 'canceled', 'skipped'])
  test(`listeners get the status failed for a build that is ${state}, as from Copr`, () => {
    const [message] = busMessages(delivery('chroot.finished', { chroot: 'c', state }))
    assert.equal(message?.body['status'], 0)
  })

test('a group owner or a forge submitter is not named as a user in the headers, and a version without a release is omitted', () => {
  const data = {
    ownername: '@orbit',
    submitter: 'github.com:kim',
    package: { name: 'lens', version: '1.0' },
  }
  const [message] = busMessages(delivery('source.finished', data))
  const users = Object.keys(message?.headers ?? {}).filter((name) => name.includes('_user_'))
  assert.deepEqual(users, [])
  assert.equal(message?.body['version'], null)
})
