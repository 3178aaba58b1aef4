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
const Lock = z.object({ images: z.object({ server: Entry, postgresql: Entry.optional() }) })

/** Beside the code, as `make images` writes it and as a release has it. */
export const LOCK_FILE = fileURLToPath(
  new URL('../../../../images/images.lock.yaml', import.meta.url),
)

/** Which images run: one of the administrator's own, or those of the lock file, if wanted from a mirror. */
export function imagesOf(
  { images, database }: Pick<Vars, 'images' | 'database'>,
  lockFile: string,
): Facts['images'] {
  if (images.server) return { server: images.server, postgresql: images.server }
  if (!existsSync(lockFile))
    throw new CoprError(
      'not_found',
      `Cannot find ${lockFile}: it says which images to run\n    try: make images, or set images.server in vars.yml`,
    )
  const parsed = Lock.safeParse(parse(readFileSync(lockFile, 'utf8')))
  if (!parsed.success)
    throw new CoprError('invalid', `Cannot use ${lockFile}:\n${z.prettifyError(parsed.error)}`)
  const { server, postgresql = server } = parsed.data.images
  // initdb needs a shell, which the image of the servers does not have.
  if (database.mode === 'embedded' && !parsed.data.images.postgresql)
    throw new CoprError(
      'not_found',
      `Cannot deploy an embedded database: ${lockFile} has no image postgresql\n    try: database.mode: cloudnativepg, crunchy or external in vars.yml`,
    )
  return {
    server: mirrored(server.image, images.registry),
    postgresql: mirrored(postgresql.image, images.registry),
  }
}

function mirrored(image: string, registry: string | undefined): string {
  return registry === undefined
    ? image
    : `${registry.replace(/\/$/, '')}/${image.split('/').at(-1)}`
}
