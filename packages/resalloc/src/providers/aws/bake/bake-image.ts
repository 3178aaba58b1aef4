import { setTimeout as sleep } from 'node:timers/promises'
import { CoprError, messageOf } from '@copr/process/errors'
import { bakeDigest, bakeUserData } from '../../../bootstrap/bake-config.ts'
import type { AgentRelease } from '../../provider.ts'
import { ec2Api } from '../ec2-api.ts'
import { bakedImages, findBakeSource, type Image } from '../image.ts'
import type { AwsPool } from '../offerings.ts'
import { type PoolOwner, TAG } from '../ownership-tags.ts'
import {
  createImage,
  imageState,
  removeImage,
  removeImagesOf,
  SnapshotsLeft,
} from './baked-image.ts'
import { endInstances, launchModel, type Model, readModel } from './model-instance.ts'

/** Reports the progress of a bake; `detail` describes a step while it runs. */
interface BakeProgress {
  step<T>(
    title: string,
    work: (step: { detail: (text: string) => void }) => Promise<T>,
    note?: (result: T) => string,
  ): Promise<T>
  say(line: string): void
}

export interface BakeOptions {
  readonly pool: AwsPool
  readonly owner: PoolOwner
  readonly gateway_url: string
  /** The private CA that issued the gateway's certificate, in PEM. */
  readonly trusted_ca?: string
  readonly agent: AgentRelease
  /** A unique ID of this bake. All resources that the bake creates are tagged with it. */
  readonly nonce: string
  /** Number of the pool's newest baked images to keep, including the new one; default: all. */
  readonly keep?: number | undefined
  /** IDs of further images to keep, because other pools refer to them. */
  readonly in_use?: readonly string[]
  readonly limit_seconds: number
  readonly progress: BakeProgress
  readonly now: () => Date
  /** Milliseconds between two polls. */
  readonly poll_ms?: number
}

export interface Baked {
  readonly image_id: string
  readonly source_image: string
  readonly removed: string[]
}

const POLL_MS = 10_000
/** After a machine has stopped, its console output may still be missing for this many seconds. */
const CONSOLE_SECONDS = 600
const CLEANUP_MS = 120_000

/**
 * Makes an image from a machine that installs itself. Nothing connects to the machine: it reports success or failure on its console and
 * then powers itself off. The machine is terminated in any case. A bake that is aborted leaves no image.
 */
export async function bakeImage(options: BakeOptions, signal: AbortSignal): Promise<Baked> {
  const { pool, owner, nonce, progress, now } = options
  const api = ec2Api(pool)
  const tags = {
    ...pool.extra_tags,
    [TAG.installation]: owner.installation_id,
    [TAG.pool]: owner.pool,
    [TAG.bake]: nonce,
  }
  await using undo = new AsyncDisposableStack()
  const source = await progress.step(
    'source image',
    async () => await findBakeSource(api, pool, signal),
    ({ id }) => id,
  )
  // Undefined if the launch got no response. The machine may exist nevertheless; it is then found by its tag.
  let model_id: string | undefined
  const end = async (): Promise<void> =>
    await endInstances(api, tags, model_id, AbortSignal.timeout(CLEANUP_MS))
  undo.defer(
    async () => await orSay(progress, 'The machine of this bake may still exist', nonce, end),
  )
  const user_data = bakeUserData(options)
  const model = await progress.step(
    'machine',
    async () => {
      const expires_at = new Date(now().getTime() + 2 * options.limit_seconds * 1000)
      const order = { pool, owner, source, user_data, tags, nonce, expires_at }
      const launched = await launchModel(api, order, (id) => (model_id = id))
      signal.throwIfAborted()
      return launched
    },
    ({ id, offering }) => `${id}, ${offering}`,
  )
  await progress.step('installation', async ({ detail }) => {
    await untilInstalled({ ...options, api, model, detail }, signal)
  })
  await using undoImage = new AsyncDisposableStack()
  let made_id: string | undefined
  const remove = async (): Promise<void> =>
    await removeImagesOf(api, tags, made_id, AbortSignal.timeout(CLEANUP_MS))
  undoImage.defer(
    async () => await orSay(progress, 'An image or its snapshot may still exist', nonce, remove),
  )
  const image_id = await progress.step(
    'image',
    async ({ detail }) => {
      const created_at = now()
      const facts = {
        [TAG.source_image]: source.id,
        [TAG.agent]: options.agent.sha256,
        [TAG.bootstrap]: bakeDigest(),
        [TAG.created_at]: created_at.toISOString(),
      }
      const name = `copr ${owner.installation_id} ${owner.pool} ${nonce}`
      const id = await createImage(api, { model, name, tags: { ...tags, ...facts } })
      made_id = id
      signal.throwIfAborted()
      await untilAvailable({ ...options, api, detail }, id, signal)
      return id
    },
    (id) => id,
  )
  undoImage.move()
  const removed = await removeOlder({ ...options, api, image_id, source }, signal)
  return { image_id, source_image: source.id, removed }
}

/** Reports a failed cleanup instead of throwing, so that the bake's own error is thrown. */
async function orSay(
  progress: BakeProgress,
  what: string,
  nonce: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    progress.say(`${what}, with the tag ${TAG.bake}=${nonce}: ${messageOf(error)}`)
  }
}

interface Waiting extends BakeOptions {
  api: ReturnType<typeof ec2Api>
  detail: (text: string) => void
}

async function untilInstalled(
  { api, model, nonce, limit_seconds, detail, now, poll_ms = POLL_MS }: Waiting & { model: Model },
  signal: AbortSignal,
): Promise<void> {
  const until = now().getTime() + limit_seconds * 1000
  let stopped_at: number | undefined
  let last = 'no output yet'
  for (;;) {
    const { state, said } = await readModel(api, model, nonce, signal)
    if (said.kind === 'failed')
      throw new CoprError(
        'unavailable',
        `Cannot bake an image: the installation failed\n${said.log.map((line) => `  ${line}`).join('\n')}`,
      )
    if (state === 'ended')
      throw new CoprError(
        'unavailable',
        'Cannot bake an image: its machine was terminated from outside',
      )
    if (state === 'stopped') {
      if (said.kind === 'done') return
      stopped_at ??= now().getTime()
      if (now().getTime() - stopped_at > CONSOLE_SECONDS * 1000)
        throw new CoprError(
          'unavailable',
          `Cannot bake an image: its machine powered off without reporting success (${last})`,
        )
    }
    if (said.kind === 'working') last = said.at
    detail(said.kind === 'done' ? 'powering off' : last)
    if (now().getTime() > until + (stopped_at === undefined ? 0 : CONSOLE_SECONDS * 1000))
      throw new CoprError(
        'unavailable',
        `Cannot bake an image: the installation did not finish within ${limit_seconds} seconds (${last}); check that the machine can reach the gateway and the mirrors, or raise --limit`,
      )
    await sleep(poll_ms, undefined, { signal })
  }
}

async function untilAvailable(
  { api, limit_seconds, detail, now, poll_ms = POLL_MS }: Waiting,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const until = now().getTime() + limit_seconds * 1000
  for (;;) {
    const { state, reason } = await imageState(api, id, signal)
    if (state === 'available') return
    if (state === 'failed')
      throw new CoprError('unavailable', `Cannot bake an image: EC2 could not create it: ${reason}`)
    if (now().getTime() > until)
      throw new CoprError(
        'unavailable',
        `Cannot bake an image: EC2 did not create ${id} within ${limit_seconds} seconds`,
      )
    detail(`${id} is ${state}`)
    await sleep(poll_ms, undefined, { signal })
  }
}

interface Removal extends Omit<Waiting, 'detail'> {
  image_id: string
  source: Image
}

/** Removes older images. If a removal fails, the bake still succeeds, because the new image exists; the next bake retries the removal. */
async function removeOlder(
  { api, pool, owner, keep, in_use = [], image_id, source, progress }: Removal,
  signal: AbortSignal,
): Promise<string[]> {
  if (keep === undefined) return []
  return await progress.step(
    'older images',
    async () => {
      const removed: string[] = []
      const named = 'id' in pool.image ? [pool.image.id] : []
      const stay = new Set([...in_use, ...named, source.id])
      const all = (await bakedImages(api, { pool, owner }, signal)).map(
        ({ ImageId = '' }) => ImageId,
      )
      // The listing may not yet include the new image, so the new image is counted separately.
      const others = all.filter((id) => id !== image_id)
      for (const id of others.slice(Math.max(0, keep - 1)).filter((each) => !stay.has(each)))
        try {
          await removeImage(api, id, signal)
          removed.push(id)
        } catch (error) {
          signal.throwIfAborted()
          if (error instanceof SnapshotsLeft) removed.push(id)
          const words = messageOf(error)
          progress.say(error instanceof SnapshotsLeft ? words : `Cannot remove ${id}: ${words}`)
        }
      return removed
    },
    (removed) => (removed.length === 0 ? 'none to remove' : `removed ${removed.join(', ')}`),
  )
}
