/** Tests what baking builder images creates, leaves behind and reports. bake.sh, which runs on the baked machine, has its own tests. */
import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import {
  DescribeInstanceAttributeCommand,
  DescribeVolumesCommand,
  type Instance,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { awsPolicy } from '../src/providers/aws/policy.ts'
import { startOrder, stopOrder } from '../src/testing/orders.ts'
import { type AwsFixture, awsFixture } from './aws-fixture.ts'
import { AGENT, type BakeBench, bakeBench, never } from './bake-bench.ts'

suite('baking an image for an EC2 pool', { timeout: 600_000 }, () => {
  let fixture: AwsFixture
  let bench: BakeBench

  before(async () => {
    fixture = await awsFixture()
    bench = bakeBench(fixture)
  })
  after(async () => {
    await fixture?.[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    assert.deepEqual(await bench.living(), [], 'no machine is left')
  })

  test('creates an image tagged with its source, terminates the machine, and lets the pool start machines from the image', async () => {
    bench.fresh()
    let launched: Instance | undefined
    const before_it = new Map(fixture.proxy.calls)
    const { image_id, source_image } = await bench.bake(async (id, look) => {
      if (look === 0) [launched] = await bench.living()
      await bench.installs(id, look)
    })
    const [image, ...more] = await bench.images()
    assert.ok(image && more.length === 0)
    assert.equal(image.ImageId, image_id)
    const { 'copr-created-at': created, 'copr-bootstrap-sha256': digest, ...tags } = tagsOf(image)
    assert.deepEqual(tags, {
      'copr-installation': bench.owner.installation_id,
      'copr-pool': 'aws_x86',
      'copr-bake': tags['copr-bake'],
      'copr-source-image': source_image,
      'copr-agent-sha256': AGENT.sha256,
    })
    assert.match(`${created} ${digest}`, /^2026-11-26T\d\d:\d\d:00.000Z [0-9a-f]{64}$/)
    assert.equal(launched?.ImageId, source_image)
    assert.ok(!('copr-machine' in tagsOf(launched ?? {})), 'it is no machine of the tables')
    assert.match(bench.said.join('\n'), /installing, try 1\n(.*\n)*powering off/)
    // The policy allows all EC2 calls that the bake made.
    const pools = { aws_x86: bench.poolOf() }
    const policy = awsPolicy({ installation_id: 'i', pools, bake: true })
    const allowed = new Set(policy.Statement.flatMap(({ Action }) => Action))
    for (const [call, times] of fixture.proxy.calls)
      if (times > (before_it.get(call) ?? 0)) assert.ok(allowed.has(`ec2:${call}`), call)

    for (const [baked, from] of [
      [true, image_id],
      [false, source_image],
    ] as const) {
      const provider = fixture.provider(bench.owner, { baked })
      const [offering] = provider.offerings()
      assert.ok(offering)
      const order = startOrder(bench.owner, baked ? 1 : 2, offering)
      const outcome = await provider.start(order, never())
      assert.ok(outcome.ok, JSON.stringify(outcome))
      assert.equal((await bench.living())[0]?.ImageId, from)
      await provider.stop(stopOrder(order, outcome), never())
    }
  })

  test('passes the machine the list of software to install, but no secret', async () => {
    bench.fresh()
    await bench.bake(async (id, look) => {
      if (look === 0) {
        const command = new DescribeInstanceAttributeCommand({
          InstanceId: id,
          Attribute: 'userData',
        })
        const { UserData } = await fixture.ec2.send(command)
        const text = gunzipSync(Buffer.from(UserData?.Value ?? '', 'base64')).toString()
        assert.match(text, new RegExp(`AGENT_SHA256='${AGENT.sha256}'`))
        assert.doesNotMatch(text, /\/enroll-token|\/agent\.json/)
      }
      await bench.installs(id, look)
    })
  })

  test('uses a volume of 20 GB, or the size of the source image if larger', async () => {
    for (const [was, is, wanted] of [
      ['15', '15', 20],
      ['15', '35', 35],
    ] as const) {
      bench.fresh()
      using _size = fixture.proxy.reword(`<volumeSize>${was}<`, `<volumeSize>${is}<`)
      await bench.bake(async (id, look) => {
        if (look === 0) {
          const Filters = [{ Name: 'attachment.instance-id', Values: [id] }]
          const { Volumes = [] } = await fixture.ec2.send(new DescribeVolumesCommand({ Filters }))
          assert.equal(Volumes[0]?.Size, wanted)
        }
        await bench.installs(id, look)
      })
    }
  })

  for (const [what, machine, words] of [
    [
      'an installation that fails',
      async (id: string, look: number) => {
        if (look === 1) await bench.says(id, 'installing, try 3', 'log No match: mock', 'failed')
      },
      /the installation failed\n {2}No match: mock$/,
    ],
    [
      'a machine that powers off without reporting a result',
      async (id: string, look: number) => {
        if (look === 1) await bench.switchOff(id)
      },
      /powered off without reporting success/,
    ],
    [
      'an installation that times out',
      async (id: string, look: number) => {
        if (look === 1) await bench.says(id, 'installing, try 2')
      },
      /the installation did not finish within 1800 seconds \(installing, try 2\); check that the machine can reach/,
    ],
    [
      'a machine that was terminated from outside',
      async (id: string, look: number) => {
        if (look !== 1) return
        await fixture.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }))
      },
      /its machine was terminated from outside/,
    ],
  ] as const)
    test(`reports ${what}, and leaves no resources`, async () => {
      bench.fresh()
      await assert.rejects(bench.bake(machine), { message: words })
      assert.deepEqual(await bench.images(), [])
    })

  test('an interruption at any step leaves no resources', async () => {
    for (const call of ['DescribeSubnets', 'RunInstances', 'GetConsoleOutput', 'CreateImage']) {
      bench.fresh()
      const abort = new AbortController()
      using _watch = fixture.proxy.onCall(call, () => abort.abort(new Error('stopping')))
      await assert.rejects(bench.bake(bench.installs, { signal: abort.signal }), /stopping/, call)
      assert.deepEqual(await bench.living(), [], call)
      assert.deepEqual(await bench.images(), [], call)
    }
  })

  test('a CreateImage call whose response was lost leaves no image', async () => {
    bench.fresh()
    fixture.proxy.fail({ action: 'CreateImage', what: 'lose_answer' })
    await assert.rejects(bench.bake(bench.installs))
    assert.deepEqual(await bench.images(), [])
  })

  test('reports that no subnet has capacity', async () => {
    bench.fresh()
    const what = { code: 'InsufficientInstanceCapacity', message: 'Later', status: 500 }
    for (const _ of fixture.subnets) fixture.proxy.fail({ action: 'RunInstances', what })
    await assert.rejects(
      bench.bake(bench.installs),
      /cannot start a machine: .*InsufficientInstanceCapacity/,
    )
  })
})

function tagsOf({ Tags = [] }: Pick<Instance, 'Tags'>): Record<string, string> {
  return Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value]))
}
