/** Tests the whole path from queued tasks to EC2 instances, with the real manager and the real provider. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  type Instance,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { machineEvents } from '@copr/domain/states/machine-events'
import { stringify } from 'yaml'
import { awsProviders } from '../src/providers/aws/aws-provider.ts'
import { providerMaker } from '../src/providers/provider-maker.ts'
import { bootOfUserData } from '../src/testing/boot-of-user-data.ts'
import { ManagerFixture } from '../src/testing/manager-fixture.ts'
import { type AwsFixture, awsFixture } from './aws-fixture.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const MAX_LIFETIME = 7200
/** A machine powers itself off this many seconds after the time at which the manager ends it. */
const DEAD_MAN_MARGIN = 600
const LIVING = new Set(['pending', 'running'])

suite('an EC2 pool run by the manager', { timeout: 600_000 }, () => {
  let aws: AwsFixture
  let installations = 0
  /** Set by openFixture(); unique to each test. */
  let installation_id = ''

  before(async () => {
    aws = await awsFixture()
  })
  after(async () => {
    await aws?.[Symbol.asyncDispose]()
  })

  const poolsText = (pool: object = {}): string => {
    const limits = { max_prealloc: 0, max_starting: 4, max_lifetime: MAX_LIFETIME }
    return stringify({ aws_x86: { ...aws.pool, ...limits, ...pool } })
  }

  async function openFixture(pool: object = {}): Promise<ManagerFixture> {
    installation_id = `manager-${++installations}`
    const makeProvider = providerMaker({ aws: awsProviders() })
    const w = await ManagerFixture.open({ manager: { installation_id, makeProvider } })
    w.text = poolsText(pool)
    return w
  }

  async function instances(): Promise<Instance[]> {
    const Filters = [{ Name: 'tag:copr-installation', Values: [installation_id] }]
    const { Reservations = [] } = await aws.ec2.send(new DescribeInstancesCommand({ Filters }))
    return Reservations.flatMap(({ Instances = [] }) => Instances)
  }
  const living = async (): Promise<Instance[]> =>
    (await instances()).filter(({ State }) => LIVING.has(State?.Name ?? ''))

  /** Enrolls each living instance with the data from its own user data, as its agent would. */
  async function enroll(w: ManagerFixture): Promise<void> {
    for (const { InstanceId, Tags } of await living()) {
      const command = new DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'userData' })
      const { UserData } = await aws.ec2.send(command)
      const machine_id = Number(Tags?.find(({ Key }) => Key === 'copr-machine')?.Value)
      await w.enrollMachine(machine_id, bootOfUserData(UserData?.Value ?? ''))
    }
  }

  /** Advances the clock while the machines send heartbeats. */
  async function pass(w: ManagerFixture, seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= 20) {
      for (const { id } of await w.machines()) await w.session(id)
      await w.run(1, 20)
    }
  }

  async function working(w: ManagerFixture) {
    await w.tasks('a', 1)
    await w.run(2)
    await enroll(w)
    await w.run()
    const [machine] = await w.machines()
    const [task] = await w.claimAll()
    const [instance] = await living()
    assert.ok(machine && task && instance?.InstanceId)
    return { machine, task, instance, id: instance.InstanceId }
  }

  test('for a waiting task, a tagged instance is launched, runs the task, and is terminated', async () => {
    await using w = await openFixture()
    await w.run(2)
    assert.deepEqual(await instances(), [], 'nobody needs one')
    const { machine, task, instance } = await working(w)
    assert.equal(machine.provider_id, instance.InstanceId)
    const tags = Object.fromEntries((instance.Tags ?? []).map(({ Key, Value }) => [Key, Value]))
    assert.deepEqual(tags, {
      Name: machine.name,
      'copr-installation': installation_id,
      'copr-pool': 'aws_x86',
      'copr-machine': String(machine.id),
      'copr-launch-token': machine.launch_token,
      'copr-expires-at': new Date(
        (machine.launching_at?.getTime() ?? 0) + (MAX_LIFETIME + DEAD_MAN_MARGIN) * 1000,
      ).toISOString(),
    })
    await pass(w, 300)
    assert.equal((await living()).length, 1, 'it works')
    await w.finish(task)
    await pass(w, 600)
    assert.deepEqual(await living(), [])
    assert.deepEqual(await w.machines(), [])
    const kinds = (await machineEvents(w.db, machine.id)).map(({ kind }) => kind)
    const life = ['planned', 'launching', 'booting', 'ready', 'draining', 'deleting', 'gone']
    assert.deepEqual(kinds, life)
    // The list includes terminated instances: only one was ever launched.
    assert.equal((await instances()).length, 1)
  })

  test('instances that are no longer needed are terminated: when their task is canceled, and when the warm pool shrinks', async () => {
    await using w = await openFixture({ max_prealloc: 2 })
    await w.run(2)
    await enroll(w)
    await w.run()
    assert.equal((await living()).length, 2)
    w.text = poolsText()
    await w.tasks('a', 3)
    await w.run(2)
    assert.equal((await living()).length, 3)
    await fixtures(w.db).updateTable('task').set({ state: 'done' }).execute()
    await enroll(w)
    await pass(w, 900)
    assert.deepEqual(await living(), [])
    assert.deepEqual(await w.machines(), [])
  })

  for (const [how, code, cause, words] of [
    [
      'terminated by somebody else',
      'Client.UserInitiatedShutdown',
      'machine_lost',
      /^It was stopped from outside/,
    ],
    [
      'reclaimed by EC2',
      'Server.SpotInstanceTermination',
      'interrupted',
      /^Its cloud provider reclaimed it/,
    ],
  ] as const)
    test(`the task of an instance that is ${how} is requeued with the cause, and another instance runs it`, async () => {
      // With a shorter timeout, the manager might notice the missing heartbeats before it lists the instances.
      await using w = await openFixture({ silence_timeout: 300 })
      const { machine, task, id } = await working(w)
      using _reason = aws.proxy.reword('Client.UserInitiatedShutdown', code)
      await aws.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }))
      await w.run(10, 20)
      const [after_it] = await w.db.selectFrom('task').selectAll().execute()
      assert.equal(after_it?.state, 'queued')
      assert.equal(after_it.lost_cause, cause)
      assert.equal(after_it.attempts, 1)
      const gone = (await w.all()).find((each) => each.id === machine.id)
      assert.equal(gone?.state, 'gone')
      assert.match(gone.ended_cause ?? '', words)
      await enroll(w)
      await w.run()
      const [again] = await w.claimAll()
      assert.equal(again?.id, task.id)
      const [other, ...more] = await living()
      assert.ok(other && more.length === 0)
      assert.notEqual(other.InstanceId, id)
    })
})
