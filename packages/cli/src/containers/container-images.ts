import { existsSync } from 'node:fs'
import type { Vars } from '@copr/contract/deployment/vars'
import type { Podman } from '@copr/openshift/podman/podman'
import type { Io } from '../commands/administer.ts'
import { buildHere } from '../deploy/build-here.ts'
import { builderImageOf, imagesOf, LOCK_FILE } from '../deploy/images-lock.ts'

interface Wanted {
  vars: Vars
  lock: string
  io: Io
  stop: AbortSignal
}

interface Images {
  server: string
  postgresql: string
  builder: string
}

/**
 * Returns the images to run and ensures that podman has them. If they are the images of this checkout's lock file, missing ones are built;
 * otherwise, missing ones are pulled.
 */
export async function containerImages(podman: Podman, wanted: Wanted): Promise<Images> {
  const { vars, lock, io } = wanted
  const isOurs =
    lock === LOCK_FILE && vars.images.server === undefined && vars.images.registry === undefined
  if (isOurs && !existsSync(lock)) await buildHere([], wanted)
  const images = locked(wanted)
  const missing = await missingOf(podman, images)
  if (missing.length === 0) return images
  if (isOurs) {
    io.stderr.write(`Building the images: podman does not have ${missing.join(', ')}\n`)
    await buildHere([], wanted)
    return locked(wanted)
  }
  for (const image of missing) {
    io.stderr.write(`Pulling ${image}\n`)
    await podman.run(['pull', '--quiet', image])
  }
  return images
}

function locked({ vars, lock }: Wanted): Images {
  return { ...imagesOf(vars, lock), builder: builderImageOf(vars, lock) }
}

async function missingOf(podman: Podman, images: Images): Promise<string[]> {
  const names = [...new Set(Object.values(images) as string[])]
  const there = await Promise.all(
    names.map(async (name) => (await podman.try(['image', 'exists', name])).ok),
  )
  return names.filter((_, index) => there[index] !== true)
}
