import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPassing, startFailure } from './error-classes.ts'

const ON_DEMAND = { instance_type: 'c7i.xlarge', purchase: 'on_demand' } as const

function ec2Error(code: string, status = 400, message = 'words'): Error {
  return Object.assign(new Error(message), { name: code, $metadata: { httpStatusCode: status } })
}

for (const [code, status, failure] of [
  ['InsufficientInstanceCapacity', 500, 'no_capacity'],
  ['SpotMaxPriceTooLow', 400, 'no_capacity'],
  ['Unsupported', 400, 'no_capacity'],
  ['InsufficientFreeAddressesInSubnet', 400, 'no_capacity'],
  ['VcpuLimitExceeded', 400, 'quota'],
  ['MaxSpotInstanceCountExceeded', 400, 'quota'],
  ['VolumeLimitExceeded', 400, 'quota'],
  ['RequestLimitExceeded', 503, 'throttled'],
  ['UnauthorizedOperation', 403, 'permission'],
  ['AuthFailure.ServiceLinkedRoleCreationNotPermitted', 403, 'permission'],
  ['OptInRequired', 401, 'permission'],
  ['InvalidAMIID.NotFound', 400, 'configuration'],
  ['InvalidParameterCombination', 400, 'configuration'],
  ['InvalidUserData.Malformed', 400, 'configuration'],
  ['NobodyHeardOfThisOne', 400, 'configuration'],
  ['IdempotentInstanceTerminated', 400, 'token_spent'],
  ['InternalError', 500, 'unknown'],
  ['Unavailable', 503, 'unknown'],
  ['NobodyHeardOfThisOne', 500, 'unknown'],
] as const)
  test(`startFailure() of ${code} with ${status} is ${failure}`, () => {
    const outcome = startFailure(ec2Error(code, status), ON_DEMAND)
    assert.equal(outcome.failure, failure)
    assert.equal(outcome.message.startsWith(`${code}: words`), true)
  })

test('startFailure() classifies a lost connection as unknown, because the start may have succeeded', () => {
  assert.equal(startFailure(new Error('socket hang up'), ON_DEMAND).failure, 'unknown')
})

for (const [code, instance_type, purchase, quota] of [
  [
    'VcpuLimitExceeded',
    'c7i.xlarge',
    'on_demand',
    'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
  ],
  [
    'MaxSpotInstanceCountExceeded',
    'm7g.large',
    'spot',
    'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests',
  ],
  ['VcpuLimitExceeded', 'x2idn.16xlarge', 'on_demand', 'Running On-Demand X instances'],
  ['VolumeLimitExceeded', 'c7i.large', 'on_demand', 'Storage for gp3 volumes'],
] as const)
  test(`startFailure() of ${code} for ${instance_type} ${purchase} names the quota`, () => {
    const { message } = startFailure(ec2Error(code), { instance_type, purchase })
    assert.ok(message.includes(quota), message)
  })

test('startFailure() omits the encoded authorization message', () => {
  const words = 'You are not authorized. Encoded authorization failure message: AbC-dEf_123'
  const { message } = startFailure(ec2Error('UnauthorizedOperation', 403, words), ON_DEMAND)
  assert.equal(message, 'UnauthorizedOperation: You are not authorized.')
})

test('isPassing() is true for transient errors, but not for a lack of capacity, although its status is also 500', () => {
  assert.equal(isPassing(ec2Error('RequestLimitExceeded', 503)), true)
  assert.equal(isPassing(new Error('socket hang up')), true)
  assert.equal(isPassing(ec2Error('InsufficientInstanceCapacity', 500)), false)
  assert.equal(isPassing(ec2Error('UnauthorizedOperation', 403)), false)
})
