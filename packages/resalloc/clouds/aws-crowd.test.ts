import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Listed, Provider } from '../src/providers/provider.ts'
import { awsProvider } from './aws-fixture.ts'
import { startEc2Crowd } from './ec2-crowd.ts'

const COUNT = 3000
const soon = (): AbortSignal => AbortSignal.timeout(60_000)
const crowdProvider = (endpoint_url: string): Provider =>
  awsProvider({ installation_id: 'crowd', pool: 'aws' }, { endpoint_url, subnets: ['subnet-a'] })
const list = async (provider: Provider): Promise<Listed[]> =>
  await Array.fromAsync(provider.list(soon()))

test('list() reads 3,000 machines in three pages, only once for all concurrent callers', async () => {
  await using crowd = await startEc2Crowd(COUNT)
  const provider = crowdProvider(crowd.url)
  const lists = await Promise.all([1, 2, 3, 4].map(async () => await list(provider)))
  for (const machines of lists)
    assert.deepEqual(
      machines.map(({ machine_id }) => machine_id),
      Array.from({ length: COUNT }, (_, at) => at + 1),
    )
  assert.equal(crowd.calls.get('DescribeInstances'), 3)
})

test('list() rejects before it returns any machine if EC2 refuses a later page', async () => {
  await using crowd = await startEc2Crowd(COUNT)
  crowd.denyFromPage = 2
  const listing = crowdProvider(crowd.url).list(soon())[Symbol.asyncIterator]()
  await assert.rejects(listing.next(), { name: 'UnauthorizedOperation' })
  assert.equal(crowd.calls.get('DescribeInstances'), 3)
})

test('3,000 machines are terminated in at most 32 calls, even if one of them does not exist', async () => {
  await using crowd = await startEc2Crowd(COUNT)
  const provider = crowdProvider(crowd.url)
  const machines = await list(provider)
  const [first] = machines
  assert.ok(first)
  const all = [...machines, { ...first, provider_id: 'i-fffffffffffffffff' }]
  await Promise.all(all.map(async (each) => await provider.remove(each, soon())))
  assert.equal(crowd.living(), 0)
  // The sixteen batches take one call each. Bisecting the batch with the machine that does not exist takes at most sixteen more.
  assert.ok((crowd.calls.get('TerminateInstances') ?? 0) <= 16 + 16)
})
