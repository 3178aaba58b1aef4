import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run, runOrThrow } from '@copr/process/run'
import { missingPrograms } from '../../system/requirements.ts'
import { CACHE_DIR } from '../../system/start-system.ts'

const KINDS = ['server', 'postgresql', 'builder'] as const
type Kind = (typeof KINDS)[number]

const PREFIX = process.env['IMAGE_PREFIX'] ?? 'localhost/copr'

/** Returns why the project's images cannot be run here; false if they can. */
export async function whyNoImages(): Promise<string | false> {
  if (missingPrograms(process.env['PATH'], ['podman']).length > 0) return 'needs podman'
  for (const kind of KINDS)
    if ((await idOf(kind)) === undefined) return `needs ${nameOf(kind)}: make images`
  return false
}

const nameOf = (kind: Kind): string => `${PREFIX}-${kind}:latest`

async function idOf(kind: Kind): Promise<string | undefined> {
  const found = await run('podman', ['image', 'inspect', '--format', '{{.Id}}', nameOf(kind)])
  return found.ok ? found.output.trim() : undefined
}

/** Writes each image that `make images` has built to an archive, unless the archive exists already. Returns the paths of the archives. */
export async function imageArchives(): Promise<Record<Kind, string>> {
  const dir = join(CACHE_DIR, 'images')
  mkdirSync(dir, { recursive: true })
  const paths = {} as Record<Kind, string>
  for (const kind of KINDS) {
    const path = join(dir, `${kind}-${await idOf(kind)}.tar`)
    paths[kind] = path
    if (existsSync(path)) continue
    for (const old of readdirSync(dir).filter((name) => name.startsWith(`${kind}-`)))
      rmSync(join(dir, old))
    const part = `${path}.${process.pid}`
    // The archive is not compressed: it is written once and read once, on this machine.
    const format = ['--quiet', '--format', 'docker-archive']
    await runOrThrow('podman', ['save', ...format, '--output', part, nameOf(kind)])
    renameSync(part, path)
  }
  return paths
}
