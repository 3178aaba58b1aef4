import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KubeError } from '@copr/kube-client/kube-api'
import { failureOf } from './failures.ts'

for (const [code, message, failure] of [
  [
    403,
    'pods "a" is forbidden: exceeded quota: builders, requested: pods=1, used: pods=9',
    'quota',
  ],
  [403, 'pods "a" is forbidden: failed quota: q: must specify limits.cpu for: builder', 'quota'],
  [403, 'pods "a" is forbidden: violates PodSecurity "restricted:latest"', 'configuration'],
  [
    403,
    'pods "a" is forbidden: unable to validate against any security context constraint: []',
    'configuration',
  ],
  [403, 'pods is forbidden: User "x" cannot create resource "pods"', 'permission'],
  [401, 'Unauthorized', 'permission'],
  [404, 'namespaces "builders" not found', 'configuration'],
  [422, 'Pod "a" is invalid: spec.containers[0].image: Required value', 'configuration'],
  [400, 'admission webhook "policy.example" denied the request', 'configuration'],
  [409, 'object is being deleted', 'unknown'],
  [429, 'the server has received too many requests', 'throttled'],
  [500, 'etcdserver: request timed out', 'unknown'],
  [503, 'the server is currently unable to handle the request', 'unknown'],
] as const)
  test(`failureOf() of ${code} ${message} is ${failure}`, () => {
    const outcome = failureOf(new KubeError(message, code, ''))
    assert.deepEqual(outcome, { ok: false, failure, message })
  })

test('failureOf() uses the Retry-After of the server', () => {
  const error = new KubeError('slow down', 429, 'TooManyRequests', 7)
  assert.equal(failureOf(error).retry_seconds, 7)
})

test('failureOf() classifies a lost connection as unknown', () => {
  assert.equal(failureOf(new TypeError('fetch failed')).failure, 'unknown')
})
