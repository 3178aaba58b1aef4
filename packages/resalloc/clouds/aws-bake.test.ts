/** Images of builders: what is made, what is left, and what is said. The machine itself is bake.sh, which has its own tests. */
import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import {
  DescribeImagesCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
  type Instance,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import { bakeImage, type BakeOptions } from '../src/providers/aws/bake/bake-image.ts'
import type { AwsPool } from '../src/providers/aws/offerings.ts'
import { awsPolicy } from '../src/providers/aws/policy.ts'
import { startOrder, stopOrder } from '../src/testing/orders.ts'
import { type AwsWorld, awsWorld } from './aws-world.ts'

const AGENT = { sha256: 'a'.repeat(64), node_sha256: { x86_64: 'b'.repeat(64) } }
const never = (): AbortSignal => AbortSignal.timeout(120_000)

suite('baking an image for a pool of EC2', { timeout: 600_000 }, () => {
  let world: AwsWorld
  let count = 0
  let owner = { installation_id: '', pool: 'aws_x86' }
  let said: string[] = []

  before(async () => {
    world = await awsWorld()
  })
  after(async () => {
    await world?.[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    assert.deepEqual(await living(), [], 'no machine is left')
  })

  const ours = () => [{ Name: 'tag:copr-installation', Values: [owner.installation_id] }]

  async function living(): Promise<Instance[]> {
    const command = new DescribeInstancesCommand({ Filters: ours() })
    const { Reservations = [] } = await world.ec2.send(command)
    const all = Reservations.flatMap(({ Instances = [] }) => Instances)
    return all.filter(({ State }) => State?.Name !== 'terminated')
  }
  const images = async () =>
    (await world.ec2.send(new DescribeImagesCommand({ Filters: ours() }))).Images ?? []

  const fresh = (): void => {
    owner = { installation_id: `bake-${++count}`, pool: 'aws_x86' }
    said = []
  }
  const poolOf = (more: object = {}): AwsPool =>
    PoolConfig.parse({ ...world.pool, ...more }) as AwsPool

  /** `machine` is what happens to the machine, asked for at each look at the clock. */
  async function bake(
    machine: (id: string, look: number) => Promise<void>,
    { signal = never(), ...more }: Partial<BakeOptions> & { signal?: AbortSignal } = {},
  ) {
    const nonce = `nonce-${++count}`
    let look = 0
    let hour = Date.parse('2026-11-26T00:00:00Z')
    return await bakeImage(
      {
        pool: poolOf(),
        owner,
        gateway_url: 'https://copr.example',
        agent: AGENT,
        nonce,
        limit_seconds: 1800,
        poll_ms: 1,
        // A minute passes at each look.
        now: () => new Date((hour += 60_000)),
        progress: {
          say: (line) => void said.push(line),
          async step(title, work, note) {
            const detail = (text: string): void => {
              if (said.at(-1) !== text) said.push(text)
            }
            if (title !== 'installation') return noted(title, await work({ detail }), note)
            const [instance] = await living()
            const id = instance?.InstanceId ?? ''
            await machine(id, 0)
            const at = async (text: string): Promise<void> => {
              detail(text)
              await machine(id, ++look)
            }
            const turns: Promise<void>[] = []
            return await work({ detail: (text) => void turns.push(at(text)) }).finally(
              async () => await Promise.all(turns),
            )
          },
        },
        ...more,
      },
      signal,
    )
    function noted<T>(title: string, result: T, note?: (result: T) => string): T {
      said.push(`${title} ${note?.(result) ?? ''}`.trim())
      return result
    }
  }

  async function nonceOf(id: string): Promise<string> {
    const [instance] = (await living()).filter(({ InstanceId }) => InstanceId === id)
    return instance?.Tags?.find(({ Key }) => Key === 'copr-bake')?.Value ?? ''
  }
  const says = async (id: string, ...lines: string[]): Promise<void> => {
    const nonce = await nonceOf(id)
    const text = lines.map((line) => `[  12.3] copr-bake ${nonce} ${line}\r\n`).join('')
    world.proxy.consoles.set(id, `Booting\r\n${text}`)
  }
  const switchOff = async (id: string): Promise<void> => {
    await world.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }))
  }
  const installs = async (id: string, look: number): Promise<void> => {
    if (look === 0) await says(id, 'installing, try 1')
    if (look === 2) await says(id, 'installing, try 1', 'cleaning', 'done')
    if (look === 3) await switchOff(id)
  }

  test('makes an image with its origin in its tags, ends the machine, and is what the pool starts from', async () => {
    fresh()
    let launched: Instance | undefined
    const before_it = new Map(world.proxy.calls)
    const { image_id, source_image } = await bake(async (id, look) => {
      if (look === 0) [launched] = await living()
      await installs(id, look)
    })
    const [image, ...more] = await images()
    assert.ok(image && more.length === 0)
    assert.equal(image.ImageId, image_id)
    const { 'copr-created-at': created, 'copr-bootstrap-sha256': digest, ...tags } = tagsOf(image)
    assert.deepEqual(tags, {
      'copr-installation': owner.installation_id,
      'copr-pool': 'aws_x86',
      'copr-bake': tags['copr-bake'],
      'copr-source-image': source_image,
      'copr-agent-sha256': AGENT.sha256,
    })
    assert.match(`${created} ${digest}`, /^2026-11-26T\d\d:\d\d:00.000Z [0-9a-f]{64}$/)
    assert.equal(launched?.ImageId, source_image)
    assert.ok(!('copr-machine' in tagsOf(launched ?? {})), 'it is no machine of the tables')
    assert.match(said.join('\n'), /installing, try 1\n(.*\n)*switching off/)
    // All that it did is in the policy.
    const pools = { aws_x86: poolOf() }
    const policy = awsPolicy({ installation_id: 'i', pools, bake: true })
    const allowed = new Set(policy.Statement.flatMap(({ Action }) => Action))
    for (const [call, times] of world.proxy.calls)
      if (times > (before_it.get(call) ?? 0)) assert.ok(allowed.has(`ec2:${call}`), call)

    for (const [baked, from] of [
      [true, image_id],
      [false, source_image],
    ] as const) {
      const provider = world.provider(owner, { baked })
      const [offering] = provider.offerings()
      assert.ok(offering)
      const order = startOrder(owner, baked ? 1 : 2, offering)
      const outcome = await provider.start(order, never())
      assert.ok(outcome.ok, JSON.stringify(outcome))
      assert.equal((await living())[0]?.ImageId, from)
      await provider.stop(stopOrder(order, outcome), never())
    }
  })

  test('tells the machine what to install, and no secret', async () => {
    fresh()
    await bake(async (id, look) => {
      if (look === 0) {
        const command = new DescribeInstanceAttributeCommand({
          InstanceId: id,
          Attribute: 'userData',
        })
        const { UserData } = await world.ec2.send(command)
        const text = gunzipSync(Buffer.from(UserData?.Value ?? '', 'base64')).toString()
        assert.match(text, new RegExp(`AGENT_SHA256='${AGENT.sha256}'`))
        assert.doesNotMatch(text, /\/enroll-token|\/agent\.json/)
      }
      await installs(id, look)
    })
  })

  test('has a small volume, as small as the image to begin with allows', async () => {
    for (const [was, is, wanted] of [
      ['15', '15', 20],
      ['15', '35', 35],
    ] as const) {
      fresh()
      using _size = world.proxy.reword(`<volumeSize>${was}<`, `<volumeSize>${is}<`)
      await bake(async (id, look) => {
        if (look === 0) {
          const Filters = [{ Name: 'attachment.instance-id', Values: [id] }]
          const { Volumes = [] } = await world.ec2.send(new DescribeVolumesCommand({ Filters }))
          assert.equal(Volumes[0]?.Size, wanted)
        }
        await installs(id, look)
      })
    }
  })

  test('--keep removes the oldest images with their snapshots', async () => {
    fresh()
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push((await bake(installs)).image_id)
    const snapshots = async (): Promise<string[]> => {
      const { Snapshots = [] } = await world.ec2.send(new DescribeSnapshotsCommand({}))
      return Snapshots.map(({ Description = '' }) => /ami-\w+/.exec(Description)?.[0] ?? '')
    }
    assert.deepEqual(
      (await snapshots()).filter((each) => ids.includes(each)).toSorted(),
      ids.toSorted(),
    )
    const { image_id, removed } = await bake(installs, { keep: 2 })
    assert.equal(removed.length, 2)
    const left = (await images()).map(({ ImageId = '' }) => ImageId)
    assert.equal(left.length, 2)
    assert.ok(left.includes(image_id))
    const kept = (await snapshots()).filter((each) => [...ids, image_id].includes(each))
    assert.deepEqual(kept.toSorted(), left.toSorted())
  })

  for (const [what, machine, words] of [
    [
      'an installation that fails',
      async (id: string, look: number) => {
        if (look === 1) await says(id, 'installing, try 3', 'log No match: mock', 'failed')
      },
      /the installation has failed\n {2}No match: mock$/,
    ],
    [
      'a machine that switches itself off without a word',
      async (id: string, look: number) => {
        if (look === 1) await switchOff(id)
      },
      /has switched itself off without saying that it is done/,
    ],
    [
      'an installation that takes too long',
      async (id: string, look: number) => {
        if (look === 1) await says(id, 'installing, try 2')
      },
      /not installed within 1800 seconds \(installing, try 2\); see that the machine reaches/,
    ],
    [
      'a machine that somebody has ended',
      async (id: string, look: number) => {
        if (look !== 1) return
        await world.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }))
      },
      /somebody has ended its machine/,
    ],
  ] as const)
    test(`says so of ${what}, and leaves nothing`, async () => {
      fresh()
      await assert.rejects(bake(machine), { message: words })
      assert.deepEqual(await images(), [])
    })

  test('an interruption leaves nothing, wherever it comes', async () => {
    for (const call of ['DescribeSubnets', 'RunInstances', 'GetConsoleOutput', 'CreateImage']) {
      fresh()
      const abort = new AbortController()
      using _watch = world.proxy.onCall(call, () => abort.abort(new Error('stopping')))
      await assert.rejects(bake(installs, { signal: abort.signal }), /stopping/, call)
      assert.deepEqual(await living(), [], call)
      assert.deepEqual(await images(), [], call)
    }
  })

  test('an image that is not stored, and an answer that is lost, leave nothing', async () => {
    fresh()
    world.proxy.fail({ action: 'CreateImage', what: 'lose_answer' })
    await assert.rejects(bake(installs))
    assert.deepEqual(await images(), [])
  })

  test('without capacity anywhere it says so', async () => {
    fresh()
    const what = { code: 'InsufficientInstanceCapacity', message: 'Later', status: 500 }
    for (const _ of world.subnets) world.proxy.fail({ action: 'RunInstances', what })
    await assert.rejects(bake(installs), /no machine could be had: .*InsufficientInstanceCapacity/)
  })
})

function tagsOf({ Tags = [] }: Pick<Instance, 'Tags'>): Record<string, string> {
  return Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value]))
}
