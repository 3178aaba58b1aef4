/** Bakes images on the test server, with a clock and a machine that the test controls. */
import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  type Image,
  type Instance,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import { bakeImage, type BakeOptions } from '../src/providers/aws/bake/bake-image.ts'
import type { AwsPool } from '../src/providers/aws/offerings.ts'
import type { AwsFixture } from './aws-fixture.ts'

export const AGENT = { sha256: 'a'.repeat(64), node_sha256: { x86_64: 'b'.repeat(64) } }
export const never = (): AbortSignal => AbortSignal.timeout(120_000)

export type BakeBench = ReturnType<typeof bakeBench>

export function bakeBench(fixture: AwsFixture) {
  let count = 0
  let owner = { installation_id: '', pool: 'aws_x86' }
  let said: string[] = []

  const ours = () => [{ Name: 'tag:copr-installation', Values: [owner.installation_id] }]

  async function living(): Promise<Instance[]> {
    const command = new DescribeInstancesCommand({ Filters: ours() })
    const { Reservations = [] } = await fixture.ec2.send(command)
    const all = Reservations.flatMap(({ Instances = [] }) => Instances)
    return all.filter(({ State }) => State?.Name !== 'terminated')
  }
  const images = async (): Promise<Image[]> =>
    (await fixture.ec2.send(new DescribeImagesCommand({ Filters: ours() }))).Images ?? []

  const fresh = (): void => {
    owner = { installation_id: `bake-${++count}`, pool: 'aws_x86' }
    said = []
  }
  const poolOf = (more: object = {}): AwsPool =>
    PoolConfig.parse({ ...fixture.pool, ...more }) as AwsPool

  /** Bakes an image; `machine` simulates the machine, and is called at the start and at each progress report. */
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
        // Each call advances the clock by a minute.
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
    fixture.proxy.consoles.set(id, `Booting\r\n${text}`)
  }
  const switchOff = async (id: string): Promise<void> => {
    await fixture.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }))
  }
  const installs = async (id: string, look: number): Promise<void> => {
    if (look === 0) await says(id, 'installing, try 1')
    if (look === 2) await says(id, 'installing, try 1', 'cleaning', 'done')
    if (look === 3) await switchOff(id)
  }

  return {
    get owner() {
      return owner
    },
    /** Progress reported since the last `fresh()`. */
    get said() {
      return said
    },
    fresh,
    living,
    images,
    poolOf,
    bake,
    says,
    switchOff,
    installs,
  }
}
