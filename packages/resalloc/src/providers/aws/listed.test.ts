import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listedInstance } from './listed.ts'

for (const [name, code, state, cause] of [
  ['pending', undefined, 'starting', undefined],
  ['running', undefined, 'running', undefined],
  ['shutting-down', 'Server.SpotInstanceTermination', 'stopping', 'interrupted'],
  ['terminated', 'Server.SpotInstanceTermination', 'ended', 'interrupted'],
  ['terminated', 'Server.InsufficientInstanceCapacity', 'ended', 'no_capacity'],
  ['terminated', 'Client.InstanceInitiatedShutdown', 'ended', 'powered_off'],
  ['terminated', 'Client.UserInitiatedShutdown', 'ended', 'stopped'],
  ['terminated', 'Client.VolumeLimitExceeded', 'ended', 'failed'],
  ['terminated', 'Client.InternalError', 'ended', 'failed'],
  ['stopped', 'Client.UserInitiatedShutdown', 'running', undefined],
] as const)
  test(`listedInstance() maps ${name} (${code ?? 'no code'}) to ${state} (${cause ?? 'no cause'})`, () => {
    const listed = listedInstance({
      InstanceId: 'i-1',
      State: { Name: name },
      ...(code === undefined ? {} : { StateReason: { Code: code, Message: `${code}: words` } }),
      Tags: [
        { Key: 'copr-machine', Value: '7' },
        { Key: 'copr-pool', Value: 'aws_x86' },
      ],
    })
    assert.equal(listed.state, state)
    assert.equal(listed.cause, cause)
    assert.equal(listed.machine_id, 7)
    assert.equal(listed.pool, 'aws_x86')
  })
