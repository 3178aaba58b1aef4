import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { V1PodStatus } from '@kubernetes/client-node'
import { listedPod } from './listed.ts'

const pod = (status: V1PodStatus, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'builder', ...more },
  status,
})
const waiting = (reason: string) => ({ state: { waiting: { reason, message: 'details' } } })
const terminated = (reason: string, exitCode: number) => ({
  state: { terminated: { reason, exitCode } },
})
const container = (state: object) => ({ containerStatuses: [{ name: 'builder', ...state }] })
const condition = (type: string, status: string, reason: string, message: string) => ({
  conditions: [{ type, status, reason, message }],
})

for (const [title, status, expected] of [
  ['has no status yet', {}, { state: 'starting' }],
  ['waits for its image', container(waiting('ContainerCreating')), { state: 'starting' }],
  [
    'cannot pull its image',
    { phase: 'Pending', ...container(waiting('ImagePullBackOff')) },
    { state: 'starting', cause: 'failed', message: 'ImagePullBackOff: details' },
  ],
  [
    'cannot be scheduled',
    {
      phase: 'Pending',
      ...condition('PodScheduled', 'False', 'Unschedulable', '0/3 nodes are available'),
    },
    { state: 'starting', cause: 'no_capacity', message: '0/3 nodes are available' },
  ],
  ['runs', { phase: 'Running' }, { state: 'running' }],
  ['has succeeded', { phase: 'Succeeded' }, { state: 'ended', cause: 'powered_off' }],
  [
    'was evicted',
    { phase: 'Failed', reason: 'Evicted', message: 'low on memory' },
    { state: 'ended', cause: 'interrupted', message: 'low on memory' },
  ],
  [
    'was preempted',
    {
      phase: 'Failed',
      ...condition('DisruptionTarget', 'True', 'PreemptionByScheduler', 'preempted'),
    },
    { state: 'ended', cause: 'interrupted', message: 'preempted' },
  ],
  [
    'ran out of memory',
    { phase: 'Failed', ...container(terminated('OOMKilled', 137)) },
    { state: 'ended', cause: 'failed', message: 'The builder ran out of memory and was killed' },
  ],
  [
    'failed',
    { phase: 'Failed', ...container(terminated('Error', 1)) },
    { state: 'ended', cause: 'failed', message: 'The builder exited with code 1' },
  ],
  [
    'exceeded its deadline',
    { phase: 'Failed', reason: 'DeadlineExceeded', message: 'active too long' },
    { state: 'ended', cause: 'stopped', message: 'It reached its maximum lifetime' },
  ],
] as unknown as [string, V1PodStatus, object][])
  test(`listedPod() of a pod that ${title}`, () => {
    assert.partialDeepStrictEqual(listedPod(pod(status)), expected)
  })

test('listedPod() reports a pod that is being deleted as stopping', () => {
  const deleted = pod({ phase: 'Running' }, { deletionTimestamp: '2026-11-30T12:00:00Z' })
  assert.equal(listedPod(deleted).state, 'stopping')
})
