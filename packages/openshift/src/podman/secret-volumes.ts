import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubeObject } from '@copr/kube-client/kube-object'
import type { SecretStore } from '../secrets/make-secrets.ts'
import { type Given, givenVolume, labelled, type Place } from './place.ts'
import type { Podman } from './podman.ts'

/** Readable by group 0, in which every component runs. */
const MODE = 0o440

export interface SecretVolumes extends SecretStore {
  /** Writes an object that the administrator provided, overwriting the previous one. */
  put(object: KubeObject): Promise<void>
  /** Copies keys that the pod mounts under another file name. Returns the first key that does not exist; undefined if all do. */
  provide(given: Given): Promise<string | undefined>
}

/** Stores Secrets in volumes. These volumes are kept as long as the volumes with data, which cannot be read without the Secrets. */
export function secretVolumes(podman: Podman, place: Pick<Place, 'namespace'>): SecretVolumes {
  const nameOf = ({ kind, metadata }: Pick<KubeObject, 'kind' | 'metadata'>): string =>
    givenVolume(place, kind as Given['kind'], metadata.name)

  async function folder(volume: string): Promise<string | undefined> {
    const outcome = await podman.try(['volume', 'inspect', '--format', '{{.Mountpoint}}', volume])
    return outcome.ok ? outcome.output.trim() : undefined
  }

  async function put(object: KubeObject): Promise<void> {
    const volume = nameOf(object)
    const dir =
      (await folder(volume)) ?? (await makeVolume(podman, place, { volume, keeps: 'secret' }))
    for (const [key, text] of Object.entries(textOf(object)))
      writeFileSync(join(dir, key), text, { mode: MODE })
  }

  async function read(volume: string): Promise<Record<string, string> | undefined> {
    const dir = await folder(volume)
    const files = dir === undefined ? [] : readdirSync(dir)
    // The volume is empty if the first start failed before it was filled.
    if (dir === undefined || files.length === 0) return undefined
    return Object.fromEntries(files.map((file) => [file, readFileSync(join(dir, file), 'utf8')]))
  }

  return {
    put,
    async createMissing(object) {
      if (await read(nameOf(object))) return undefined
      await put(object)
      return object
    },
    async find(ref) {
      const files = await read(nameOf(ref))
      if (!files) return undefined
      const encoded = ([key, text]: [string, string]): [string, string] => [
        key,
        ref.kind === 'Secret' ? Buffer.from(text).toString('base64') : text,
      ]
      return { ...ref, data: Object.fromEntries(Object.entries(files).map(encoded)) }
    },
    async provide({ volume, items }) {
      const dir = await folder(volume)
      for (const { key, path } of items) {
        if (dir === undefined || !existsSync(join(dir, key))) return key
        if (key !== path)
          writeFileSync(join(dir, path), readFileSync(join(dir, key)), { mode: MODE })
      }
      return undefined
    },
  }
}

/** Returns the decoded values of a Secret or ConfigMap, from `data` and `stringData`. */
function textOf({ kind, ...object }: KubeObject): Record<string, string> {
  const data = (object['data'] ?? {}) as Record<string, string>
  const plain = (object['stringData'] ?? {}) as Record<string, string>
  if (kind !== 'Secret') return data
  const decoded = Object.entries(data).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString(),
  ])
  return { ...(Object.fromEntries(decoded) as Record<string, string>), ...plain }
}

/** Creates a volume; returns its path on this machine. */
export async function makeVolume(
  podman: Podman,
  place: Pick<Place, 'namespace'>,
  { volume, keeps }: { volume: string; keeps: 'secret' | 'data' | 'nothing' },
): Promise<string> {
  const labels = Object.entries(labelled(place, { 'copr/keeps': keeps }))
  await podman.run([
    'volume',
    'create',
    ...labels.flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    volume,
  ])
  return (await podman.run(['volume', 'inspect', '--format', '{{.Mountpoint}}', volume])).trim()
}
