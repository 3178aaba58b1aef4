import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PoolConfig, type PoolConfigOf } from '@copr/contract/pools/provider-options'
import { startOrder } from '../../testing/orders.ts'
import { megabytes } from './kubernetes.ts'
import { labelValue, podName } from './naming.ts'
import { podOf } from './pod.ts'

const order = startOrder({ installation_id: 'site', pool: 'pods' }, 7, {
  name: 'pod',
  price_per_hour: 0,
})

function pool(options: object = {}): PoolConfigOf<'kubernetes'> {
  const parsed = PoolConfig.parse({
    provider: 'kubernetes',
    namespace: 'builders',
    image: 'builder:1',
    tags: ['arch_x86_64'],
    ...options,
  })
  assert.ok(parsed.provider === 'kubernetes')
  return parsed
}

const containerOf = (options: object = {}) => podOf(pool(options), order, 'uid').spec?.containers[0]

test('podOf() gives builds root in a user namespace, but no rights on the node', () => {
  const { spec } = podOf(pool(), order, 'uid')
  assert.equal(spec?.hostUsers, false)
  const security = spec?.containers[0]?.securityContext
  assert.equal(security?.privileged, undefined)
  assert.equal(security?.procMount, 'Unmasked')
  assert.ok(security?.capabilities?.add?.includes('SYS_ADMIN'))
})

test('podOf() requests nothing beyond the limits of the SCC nested-container', () => {
  const options = { required_scc: 'nested-container' }
  assert.deepEqual(containerOf(options)?.securityContext?.capabilities, {
    drop: ['ALL'],
    add: ['SETUID', 'SETGID'],
  })
  const { annotations } = podOf(pool(options), order, 'uid').metadata ?? {}
  assert.equal(annotations?.['openshift.io/required-scc'], 'nested-container')
})

test('podOf() makes a pod privileged only if requested', () => {
  assert.equal(containerOf({ privileged: true })?.securityContext?.privileged, true)
})

test('podOf() stores builds on a volume claim if there is a storage class', () => {
  const { volumes = [] } = podOf(pool({ storage_class: 'fast' }), order, 'uid').spec ?? {}
  const work = volumes.find(({ name }) => name === 'work')
  assert.equal(work?.ephemeral?.volumeClaimTemplate?.spec.storageClassName, 'fast')
  assert.equal(
    containerOf({ storage_class: 'fast' })?.resources?.limits?.['ephemeral-storage'],
    undefined,
  )
  assert.equal(containerOf()?.resources?.limits?.['ephemeral-storage'], '40Gi')
})

test('podOf() sets a deadline shortly after the lifetime of the agent ends', () => {
  const { activeDeadlineSeconds } = podOf(pool(), order, 'uid').spec ?? {}
  assert.equal(activeDeadlineSeconds, order.boot.dead_man.lifetime_seconds + 900)
})

test('podOf() does not let extra labels override the owner', () => {
  const { labels } =
    podOf(pool({ extra_labels: { 'copr.build/machine': '1', team: 'x' } }), order, 'uid')
      .metadata ?? {}
  assert.equal(labels?.['copr.build/machine'], '7')
  assert.equal(labels?.['team'], 'x')
})

test('podName() is readable and valid, and depends on the launch token', () => {
  const of = (name: string, launch_token = 't') =>
    podName({ installation_id: 'site', launch_token, name })
  assert.match(of('AWS_x86_00000012_20261125'), /^aws-x86-00000012-20261125-[0-9a-f]{12}$/)
  assert.match(of('-_-'), /^builder-[0-9a-f]{12}$/)
  assert.match(of('x'.repeat(300)), /^x{40}-[0-9a-f]{12}$/)
  assert.equal(of('a'), of('a'))
  assert.notEqual(of('a'), of('a', 'other'))
})

for (const [value, label] of [
  ['site-1', /^site-1$/],
  ['a/b', /^x[0-9a-f]{40}$/],
  ['', /^x[0-9a-f]{40}$/],
  ['y'.repeat(64), /^x[0-9a-f]{40}$/],
] as const)
  test(`labelValue() of ${JSON.stringify(value)} is a label`, () =>
    assert.match(labelValue(value), label))

for (const [quantity, mb] of [
  ['4Gi', 4096],
  ['512Mi', 512],
  ['1.5Gi', 1536],
  ['4G', 3814],
  ['4294967296', 4096],
  ['lots', undefined],
] as const)
  test(`megabytes() of ${quantity} is ${mb}`, () => assert.equal(megabytes(quantity), mb))
