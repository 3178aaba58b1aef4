import { DescribeImagesCommand, type DescribeImagesRequest } from '@aws-sdk/client-ec2'
import { archesOf } from '@copr/contract/pools/pools-file'
import { CoprError } from '@copr/process/errors'
import type { Ec2Api } from './ec2-api.ts'
import type { AwsPool } from './offerings.ts'

export interface Image {
  readonly id: string
  /** The device of its root volume, whose size a launch changes. */
  readonly root_device: string
}

/** The pool's image as it is now: of several that fit, the newest. */
export async function findImage(api: Ec2Api, pool: AwsPool, signal: AbortSignal): Promise<Image> {
  const wanted = pool.image
  const command = new DescribeImagesCommand(imageQuery(pool))
  const { Images = [] } = await api.call(
    'describe',
    async (client, options) => await client.send(command, options),
    signal,
  )
  const newest = Images.filter(
    ({ RootDeviceType }) => RootDeviceType !== 'instance-store',
  ).toSorted((a, b) => (b.CreationDate ?? '').localeCompare(a.CreationDate ?? ''))[0]
  if (newest?.ImageId === undefined) {
    const words = 'id' in wanted ? wanted.id : `${wanted.name} of owner ${wanted.owner}`
    throw new CoprError('not_found', `Cannot find an image ${words} in ${pool.region}`)
  }
  return { id: newest.ImageId, root_device: newest.RootDeviceName ?? '/dev/sda1' }
}

function imageQuery(pool: AwsPool): DescribeImagesRequest {
  if ('id' in pool.image) return { ImageIds: [pool.image.id] }
  const architecture = architectureOf(archesOf(pool))
  return {
    Owners: [pool.image.owner],
    Filters: [
      { Name: 'name', Values: [pool.image.name] },
      { Name: 'state', Values: ['available'] },
      ...(architecture === undefined ? [] : [{ Name: 'architecture', Values: [architecture] }]),
    ],
  }
}

/** What EC2 calls that of the machine; undefined where builds are emulated and it could be either. */
function architectureOf(arches: readonly string[]): string | undefined {
  if (arches.includes('aarch64')) return 'arm64'
  return arches.some((arch) => /^(x86_64|i[3-6]86)$/.test(arch)) ? 'x86_64' : undefined
}
