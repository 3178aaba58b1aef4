import {
  DescribeImagesCommand,
  type DescribeImagesRequest,
  type Image as Ami,
} from '@aws-sdk/client-ec2'
import { archesOf } from '@copr/contract/pools/pools-file'
import { CoprError } from '@copr/process/errors'
import type { Ec2Api } from './ec2-api.ts'
import type { AwsPool } from './offerings.ts'
import { ownedBy, type PoolOwner, TAG } from './ownership-tags.ts'

export interface Image {
  readonly id: string
  /** The device name of the image's root volume, used to set the volume's size at launch. */
  readonly root_device: string
  /** Minimum size of the root volume in GB. */
  readonly root_gb?: number | undefined
}

/**
 * Returns the image for new machines: the newest baked image if the pool sets `baked` and such an image exists, otherwise the base image.
 */
export async function findImage(
  api: Ec2Api,
  { pool, owner }: { pool: AwsPool; owner: PoolOwner },
  signal: AbortSignal,
): Promise<Image> {
  if (pool.baked) {
    const [newest] = await bakedImages(api, { pool, owner }, signal)
    if (newest) return asImage(newest)
  }
  return asImage(await findBase(api, pool, signal))
}

/** Returns the image to bake from: the pool's base image or, if that image was itself baked, the image that it was baked from. */
export async function findBakeSource(
  api: Ec2Api,
  pool: AwsPool,
  signal: AbortSignal,
): Promise<Image> {
  const image = await findBase(api, pool, signal)
  const tag = (key: string): string | undefined => image.Tags?.find(({ Key }) => Key === key)?.Value
  if (tag(TAG.bake) === undefined) return asImage(image)
  const origin = tag(TAG.source_image) ?? 'the image'
  const query = { Filters: [{ Name: 'image-id', Values: [origin] }] }
  const [source] = await describe(api, query, signal)
  if (source) return asImage(source)
  throw new CoprError(
    'invalid',
    `Cannot bake an image: ${image.ImageId} is itself a baked image, and its source image ${origin} no longer exists; in pools.yaml, set "image" to a source image, and "baked: true"`,
  )
}

/** Returns the pool's current base image: the newest one that matches `image`. */
async function findBase(api: Ec2Api, pool: AwsPool, signal: AbortSignal): Promise<Ami> {
  const wanted = pool.image
  const query =
    'id' in wanted
      ? { ImageIds: [wanted.id] }
      : {
          Owners: [wanted.owner],
          Filters: [{ Name: 'name', Values: [wanted.name] }, ...usable(pool)],
        }
  const [newest] = await describe(api, query, signal)
  if (newest === undefined) {
    const words = 'id' in wanted ? wanted.id : `${wanted.name} of owner ${wanted.owner}`
    throw new CoprError('not_found', `Cannot find the image ${words} in ${pool.region}`)
  }
  return newest
}

/** Returns the images that were baked for the pool, the newest first. */
export async function bakedImages(
  api: Ec2Api,
  { pool, owner }: { pool: AwsPool; owner: PoolOwner },
  signal: AbortSignal,
): Promise<Ami[]> {
  const Filters = [
    ownedBy(owner.installation_id),
    { Name: `tag:${TAG.pool}`, Values: [owner.pool] },
    { Name: 'tag-key', Values: [TAG.bake] },
    ...usable(pool),
  ]
  return await describe(api, { Owners: ['self'], Filters }, signal)
}

async function describe(
  api: Ec2Api,
  query: DescribeImagesRequest,
  signal: AbortSignal,
): Promise<Ami[]> {
  const command = new DescribeImagesCommand(query)
  const { Images = [] } = await api.call(
    'describe',
    async (client, options) => await client.send(command, options),
    signal,
  )
  return Images.filter(
    ({ RootDeviceType, ImageId }) => RootDeviceType !== 'instance-store' && ImageId !== undefined,
  ).toSorted((a, b) => (b.CreationDate ?? '').localeCompare(a.CreationDate ?? ''))
}

function asImage({
  ImageId = '',
  RootDeviceName = '/dev/sda1',
  BlockDeviceMappings = [],
}: Ami): Image {
  const root = BlockDeviceMappings.find(({ DeviceName }) => DeviceName === RootDeviceName)
  return { id: ImageId, root_device: RootDeviceName, root_gb: root?.Ebs?.VolumeSize }
}

function usable(pool: AwsPool): { Name: string; Values: string[] }[] {
  const architecture = architectureOf(archesOf(pool))
  return [
    { Name: 'state', Values: ['available'] },
    ...(architecture === undefined ? [] : [{ Name: 'architecture', Values: [architecture] }]),
  ]
}

/**
 * Returns EC2's name for the machine's architecture; undefined if the pool emulates all of its arches, so that any architecture will do.
 */
function architectureOf(arches: readonly string[]): string | undefined {
  if (arches.includes('aarch64')) return 'arm64'
  return arches.some((arch) => /^(x86_64|i[3-6]86)$/.test(arch)) ? 'x86_64' : undefined
}
