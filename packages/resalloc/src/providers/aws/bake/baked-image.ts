import {
  CreateImageCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  type DescribeImagesRequest,
  type Image,
  type ResourceType,
} from '@aws-sdk/client-ec2'
import { CoprError, messageOf } from '@copr/process/errors'
import type { Ec2Api } from '../ec2-api.ts'
import { isMissing } from '../error-classes.ts'
import { asTags, TAG } from '../ownership-tags.ts'
import type { Model } from './model-instance.ts'

const CREATE_MS = 120_000

/** Creates the image. The call cannot be aborted: without its response, an image with an unknown ID would be left. */
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
  if (ImageId === undefined) throw new Error('EC2 created no image and gave no reason')
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
    // EC2 may not list a new image yet.
    if (isMissing(error)) return { state: 'pending', reason: '' }
    throw error
  }
}

/** Deletes an image and its snapshots. Also throws if only a snapshot is left, because snapshots cost money. */
export async function removeImage(
  api: Ec2Api,
  ImageId: string,
  signal: AbortSignal,
): Promise<void> {
  const command = new DeregisterImageCommand({ ImageId, DeleteAssociatedSnapshots: true })
  const { DeleteSnapshotResults = [] } = await api
    .call('mutate', async (client, options) => await client.send(command, options), signal)
    .catch((error: unknown) => {
      if (isMissing(error)) return { DeleteSnapshotResults: [] }
      throw error
    })
  const left = DeleteSnapshotResults.filter(({ ReturnCode }) => ReturnCode !== 'success').map(
    ({ SnapshotId, ReturnCode = 'no reason given' }) => `${SnapshotId} (${ReturnCode})`,
  )
  if (left.length > 0)
    throw new SnapshotsLeft(
      `Cannot remove a snapshot of ${ImageId}: ${left.join(', ')}; remove it by hand`,
    )
}

/** Thrown when an image was deleted, but not all of its snapshots. */
export class SnapshotsLeft extends CoprError {
  constructor(message: string) {
    super('unavailable', message)
  }
}

/** Deletes all images of one bake, in whatever state. */
export async function removeImagesOf(
  api: Ec2Api,
  tags: Record<string, string>,
  known: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const Filters = [TAG.installation, TAG.bake].map((tag) => ({
    Name: `tag:${tag}`,
    Values: [tags[tag] ?? ''],
  }))
  const listed = await describe(api, { Owners: ['self'], Filters }, signal)
  const ids = new Set(listed.flatMap(({ ImageId }) => ImageId ?? []))
  // EC2 may not list a new image yet, so its ID is added.
  if (known !== undefined) ids.add(known)
  const failures: string[] = []
  for (const id of ids)
    await removeImage(api, id, signal).catch(
      (error: unknown) => void failures.push(messageOf(error)),
    )
  if (failures.length > 0) throw new CoprError('unavailable', failures.join('; '))
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
