import {
  CreateImageCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  type DescribeImagesRequest,
  type Image,
  type ResourceType,
} from '@aws-sdk/client-ec2'
import type { Ec2Api } from '../ec2-api.ts'
import { isMissing } from '../error-classes.ts'
import { asTags, TAG } from '../ownership-tags.ts'
import type { Model } from './model-instance.ts'

const CREATE_MS = 120_000

/** Never aborted: an answer that nobody waited for would leave an image that nobody knows. */
export async function createImage(
  api: Ec2Api,
  { model, name, tags }: { model: Model; name: string; tags: Record<string, string> },
): Promise<string> {
  const kinds: ResourceType[] = ['image', 'snapshot']
  const command = new CreateImageCommand({
    InstanceId: model.id,
    Name: name,
    Description: 'A builder that is ready in seconds',
    TagSpecifications: kinds.map((ResourceType) => ({ ResourceType, Tags: asTags(tags) })),
  })
  const { ImageId } = await api.once(
    'mutate',
    async (client, options) => await client.send(command, options),
    AbortSignal.timeout(CREATE_MS),
  )
  if (ImageId === undefined) throw new Error('EC2 made no image, and gave no reason')
  return ImageId
}

export async function imageState(
  api: Ec2Api,
  id: string,
  signal: AbortSignal,
): Promise<{ state: 'pending' | 'available' | 'failed'; reason: string }> {
  try {
    const [image] = await describe(api, { ImageIds: [id] }, signal)
    const { State, StateReason } = image ?? {}
    const reason = StateReason?.Message ?? State ?? ''
    if (State === 'available') return { state: 'available', reason }
    return { state: State === undefined || State === 'pending' ? 'pending' : 'failed', reason }
  } catch (error) {
    // EC2 may not show at once what it has made.
    if (isMissing(error)) return { state: 'pending', reason: '' }
    throw error
  }
}

export async function removeImage(
  api: Ec2Api,
  ImageId: string,
  signal: AbortSignal,
): Promise<void> {
  const command = new DeregisterImageCommand({ ImageId, DeleteAssociatedSnapshots: true })
  try {
    await api.call('mutate', async (client, options) => await client.send(command, options), signal)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

/** All images of one bake, in whatever state. */
export async function removeImagesOf(
  api: Ec2Api,
  tags: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const Filters = [TAG.installation, TAG.bake].map((tag) => ({
    Name: `tag:${tag}`,
    Values: [tags[tag] ?? ''],
  }))
  for (const { ImageId = '' } of await describe(api, { Owners: ['self'], Filters }, signal))
    await removeImage(api, ImageId, signal)
}

async function describe(
  api: Ec2Api,
  query: DescribeImagesRequest,
  signal: AbortSignal,
): Promise<Image[]> {
  const command = new DescribeImagesCommand(query)
  const { Images = [] } = await api.call(
    'describe',
    async (client, options) => await client.send(command, options),
    signal,
  )
  return Images
}
