import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Vars } from '@copr/contract/deployment/vars'
import { CoprError } from '@copr/process/errors'
import type { Facts } from '@copr/openshift/render/facts'
import { parse } from 'yaml'
import { z } from 'zod'

const Entry = z.object({
  image: z.string().regex(/@sha256:[0-9a-f]{64}$/, 'images are named by digest'),
})
const Lock = z.object({
  images: z.object({
    server: Entry,
    postgresql: Entry.optional(),
    builder: Entry.optional(),
  }),
})

/** The lock file in this checkout, which `make images` writes and a release contains. */
export const LOCK_FILE = fileURLToPath(
  new URL('../../../../images/images.lock.yaml', import.meta.url),
)

/** Returns the images to run: those that vars.yml names, or else those of the lock file, from the configured mirror if there is one. */
export function imagesOf(
  { images, database }: Pick<Vars, 'images' | 'database'>,
  lockFile: string,
): Facts['images'] {
  const { server, postgresql } = images.server
    ? { server: images.server, postgresql: images.postgresql }
    : lockedImages(lockFile, images.registry)
  // initdb needs a shell, which the server image does not have.
  if (database.mode === 'embedded' && postgresql === undefined)
    throw new CoprError(
      'not_found',
      `Cannot deploy an embedded database: ${images.server ? 'vars.yml' : lockFile} has no image for it\n    try: ${images.server ? 'images.postgresql in vars.yml' : 'make images'}, or another database.mode`,
    )
  return { server, postgresql: postgresql ?? server }
}

/** Returns the builder image, which runs in pools and not in the deployment itself. */
export function builderImageOf({ images }: Pick<Vars, 'images'>, lockFile: string): string {
  const { builder } = lockedImages(lockFile, images.registry)
  if (builder === undefined)
    throw new CoprError(
      'not_found',
      `Cannot run builders: ${lockFile} has no image for them\n    try: make images`,
    )
  return builder
}

interface LockedImages {
  server: string
  postgresql: string | undefined
  builder: string | undefined
}

function lockedImages(lockFile: string, registry: string | undefined): LockedImages {
  if (!existsSync(lockFile))
    throw new CoprError(
      'not_found',
      `Cannot find ${lockFile}: it says which images to run\n    try: make images, or set images.server in vars.yml`,
    )
  const parsed = Lock.safeParse(parse(readFileSync(lockFile, 'utf8')))
  if (!parsed.success)
    throw new CoprError('invalid', `Cannot use ${lockFile}:\n${z.prettifyError(parsed.error)}`)
  const { server, postgresql, builder } = parsed.data.images
  return {
    server: mirrored(server.image, registry),
    postgresql: postgresql && mirrored(postgresql.image, registry),
    builder: builder && mirrored(builder.image, registry),
  }
}

function mirrored(image: string, registry: string | undefined): string {
  return registry === undefined
    ? image
    : `${registry.replace(/\/$/, '')}/${image.split('/').at(-1)}`
}
