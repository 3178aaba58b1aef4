import { fileURLToPath } from 'node:url'
import { CoprError } from '@copr/process/errors'
import { run } from '@copr/process/run'
import type { Io } from '../commands/administer.ts'

/** The root folder of this checkout. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** Builds the images like `make images`, which takes minutes; reports each image when it is done. */
export async function buildHere(
  args: string[],
  { io, stop }: { io: Io; stop: AbortSignal },
): Promise<void> {
  const env = Object.fromEntries(
    Object.entries(io.env).filter((each): each is [string, string] => each[1] !== undefined),
  )
  const outcome = await run('bash', [`${ROOT}images/build`, ...args], {
    env,
    signal: stop,
    onOutput: (chunk) => void io.stderr.write(chunk.toString()),
  })
  if (outcome.ok) return
  stop.throwIfAborted()
  throw new CoprError(
    'unavailable',
    'Cannot build the images: the reason is above\n    try: make images',
  )
}
