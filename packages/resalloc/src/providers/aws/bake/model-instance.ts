import {
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  GetConsoleOutputCommand,
  type Instance,
  type ResourceType,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { CoprError } from '@copr/process/errors'
import { type BakeState, bakeStateOf } from '../../../bootstrap/bake-config.ts'
import type { Ec2Api } from '../ec2-api.ts'
import { codeOf, isMissing, startFailure } from '../error-classes.ts'
import type { Image } from '../image.ts'
import { launchRequest, pseudoOrder } from '../launch-request.ts'
import { awsOfferings, type AwsPool } from '../offerings.ts'
import { asTags, type PoolOwner, TAG } from '../ownership-tags.ts'
import { groupsOf } from '../pool-facts.ts'

/** The machine that an image is made from. */
export interface Model {
  readonly id: string
  readonly offering: string
}

interface ModelOrder {
  readonly pool: AwsPool
  readonly owner: PoolOwner
  readonly source: Image
  readonly user_data: Buffer
  readonly tags: Record<string, string>
  readonly nonce: string
  readonly expires_at: Date
}

const LAUNCH_MS = 120_000
/**
 * Maximum size in GB of the image's root volume, unless the source image needs more. The size is limited because a machine's root volume
 * cannot be smaller than that of its image.
 */
const MODEL_VOLUME_GB = 20

/**
 * Launches the machine wherever there is capacity. It is an on-demand instance, because spot interruptions cost time. The launch cannot be
 * aborted, because that could leave a machine behind.
 */
export async function launchModel(
  api: Ec2Api,
  order: ModelOrder,
  onLaunched: (id: string) => void,
): Promise<Model> {
  const { pool, owner, nonce } = order
  const groups = await groupsOf(api, { pool, owner }, AbortSignal.timeout(LAUNCH_MS))
  let refusal = ''
  for (const offering of awsOfferings({ ...pool, purchase: ['on_demand'] })) {
    const request = {
      ...launchRequest(
        { ...pool, root_volume_gb: volumeOf(order) },
        pseudoOrder(owner, offering, `bake ${nonce}`),
        offering,
        {
          image: order.source,
          security_groups: groups.get(offering.subnet) ?? [],
          user_data: order.user_data,
        },
      ),
      // The machine stops instead of terminating, because no image can be made from a terminated instance.
      InstanceInitiatedShutdownBehavior: 'stop' as const,
      TagSpecifications: tagsOf(order),
    }
    try {
      const { Instances } = await api.call(
        'run',
        async (client, options) => await client.send(new RunInstancesCommand(request), options),
        AbortSignal.timeout(LAUNCH_MS),
      )
      const id = Instances?.[0]?.InstanceId
      if (id === undefined) throw new Error('EC2 started no instance and gave no reason')
      onLaunched(id)
      return { id, offering: offering.name }
    } catch (error) {
      const { failure, message } = startFailure(error, offering)
      refusal = `${offering.name}: ${message}`
      if (failure !== 'no_capacity' && failure !== 'quota') break
    }
  }
  throw new CoprError('unavailable', `Cannot bake an image: cannot start a machine: ${refusal}`)
}

function volumeOf({ pool, source }: ModelOrder): number {
  return Math.max(source.root_gb ?? 0, Math.min(pool.root_volume_gb, MODEL_VOLUME_GB))
}

function tagsOf({ tags, owner, expires_at }: ModelOrder) {
  const kinds: ResourceType[] = ['instance', 'volume', 'network-interface']
  const Tags = asTags({
    ...tags,
    Name: `bake ${owner.pool}`,
    [TAG.expires_at]: expires_at.toISOString(),
  })
  return kinds.map((ResourceType) => ({ ResourceType, Tags }))
}

export async function readModel(
  api: Ec2Api,
  { id }: Model,
  nonce: string,
  signal: AbortSignal,
): Promise<{ state: 'running' | 'stopped' | 'ended'; said: BakeState }> {
  const [instance] = await describe(api, { InstanceIds: [id] }, signal).catch((error: unknown) => {
    // EC2 may not list a new machine yet.
    if (isMissing(error)) return []
    throw error
  })
  const name = instance?.State?.Name
  const state =
    name === 'stopped'
      ? name
      : name === 'terminated' || name === 'shutting-down'
        ? 'ended'
        : 'running'
  // The console is read after the state, because the console output of a stopped machine is complete.
  return { state, said: bakeStateOf(await consoleOf(api, id, signal), nonce) }
}

/** Returns the latest console output. If the instance type does not support that, returns the last output that EC2 has posted. */
async function consoleOf(api: Ec2Api, InstanceId: string, signal: AbortSignal): Promise<string> {
  for (const Latest of [true, false])
    try {
      const command = new GetConsoleOutputCommand({ InstanceId, ...(Latest ? { Latest } : {}) })
      const { Output = '' } = await api.call(
        'describe',
        async (client, options) => await client.send(command, options),
        signal,
      )
      return Buffer.from(Output, 'base64').toString()
    } catch (error) {
      if (isMissing(error)) return ''
      if (!Latest || !codeOf(error).startsWith('Unsupported')) throw error
    }
  return ''
}

/** Terminates all machines of one bake. */
export async function endInstances(
  api: Ec2Api,
  tags: Record<string, string>,
  known: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const Filters = [TAG.installation, TAG.bake].map((tag) => ({
    Name: `tag:${tag}`,
    Values: [tags[tag] ?? ''],
  }))
  const living = (await describe(api, { Filters }, signal)).filter(
    ({ State }) => State?.Name !== 'terminated' && State?.Name !== 'shutting-down',
  )
  const ids = new Set(living.flatMap(({ InstanceId }) => InstanceId ?? []))
  // EC2 may not list a new machine yet, so its ID is added. Terminating a machine that has already ended is not an error.
  if (known !== undefined) ids.add(known)
  if (ids.size === 0) return
  const command = new TerminateInstancesCommand({ InstanceIds: [...ids] })
  await api.call(
    'terminate',
    async (client, options) => await client.send(command, options),
    signal,
  )
}

async function describe(
  api: Ec2Api,
  query: DescribeInstancesCommandInput,
  signal: AbortSignal,
): Promise<Instance[]> {
  const command = new DescribeInstancesCommand(query)
  const { Reservations = [] } = await api.call(
    'describe',
    async (client, options) => await client.send(command, options),
    signal,
  )
  return Reservations.flatMap(({ Instances = [] }) => Instances)
}
