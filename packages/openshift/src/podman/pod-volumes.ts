import type { KubeObject } from '@copr/kube-client/kube-object'
import { type Given, givenVolume, type Place, podName } from './place.ts'

interface Source {
  configMap?: { name: string; items: Item[] }
  secret?: { name: string; items: Item[] }
}

interface Item {
  key: string
  path: string
}

export interface Volume {
  name: string
  emptyDir?: object
  persistentVolumeClaim?: { claimName: string }
  projected?: { sources: Source[] }
}

interface Mount {
  name: string
  mountPath: string
  readOnly?: boolean
}

/** The volumes of a pod, translated for podman. */
export interface Mounts {
  volumes: object[]
  configMaps: KubeObject[]
  given: Given[]
  data: string[]
  /** Translates the mounts of one of the pod's containers. */
  of(mounts: Mount[]): Mount[]
}

interface Context {
  component: string
  place: Place
  objects: KubeObject[]
}

/** One folder of a projected volume. */
interface Folder {
  folder: string
  volume: string
  source: object
  configMap?: KubeObject
  given?: Given
}

/**
 * Translates volumes for podman, which has no projected volumes: each folder of a projected volume becomes a volume. podman names a volume
 * after its ConfigMap, and these names are shared by all pods, so each folder gets its own ConfigMap. Volumes with Secrets must already
 * have been filled.
 */
export function mountsOf({ volumes }: { volumes: Volume[] }, context: Context): Mounts {
  const { component, place } = context
  const folders = new Map(
    volumes
      .filter(({ projected }) => projected !== undefined)
      .map((volume) => [volume.name, foldersOf(volume, context)]),
  )
  const all = [...folders.values()].flat()
  const simple = volumes.filter(({ projected }) => projected === undefined)
  const named = (name: string): string => podName(place, `${component}-${name}`)
  return {
    volumes: [
      ...simple.map(({ name, persistentVolumeClaim: claim }) =>
        claim ? volumeOf(podName(place, claim.claimName)) : { name: named(name), emptyDir: {} },
      ),
      ...unique(all.map(({ volume, source }) => ({ name: volume, ...source }))),
    ],
    configMaps: all.flatMap(({ configMap }) => configMap ?? []),
    given: all.flatMap(({ given }) => given ?? []),
    data: simple.flatMap(({ persistentVolumeClaim: claim }) =>
      claim ? [podName(place, claim.claimName)] : [],
    ),
    of: (mounts) =>
      mounts.flatMap((mount) => {
        const parts = folders.get(mount.name)
        if (parts)
          return parts.map(({ folder, volume }) => ({
            name: volume,
            mountPath: `${mount.mountPath}/${folder}`,
            readOnly: true,
          }))
        const claim = simple.find(({ name }) => name === mount.name)?.persistentVolumeClaim
        const name = claim ? podName(place, claim.claimName) : named(mount.name)
        return [{ ...mount, name }]
      }),
  }
}

function volumeOf(name: string): object {
  return { name, persistentVolumeClaim: { claimName: name } }
}

function unique(volumes: { name: string }[]): object[] {
  return [...new Map(volumes.map((volume) => [volume.name, volume])).values()]
}

function foldersOf({ name, projected }: Volume, context: Context): Folder[] {
  return (projected?.sources ?? []).reduce<Folder[]>((folders, { configMap, secret }) => {
    const { items = [], name: object = '' } = configMap ?? secret ?? {}
    const folder = items[0]?.path.split('/')[0] ?? ''
    // A certificate and its key are two sources of the same folder.
    const there = folders.find((each) => each.folder === folder)
    if (there) {
      there.given?.items.push(...items.map(inFolder))
      return folders
    }
    const rendered = configMap && context.objects.find((each) => isConfigMap(each, object))
    folders.push(
      rendered
        ? fromConfigMap(rendered, { folder, items, volume: name }, context)
        : fromGiven(configMap ? 'ConfigMap' : 'Secret', object, { folder, items }, context),
    )
    return folders
  }, [])
}

const isConfigMap = ({ kind, metadata }: KubeObject, name: string): boolean =>
  kind === 'ConfigMap' && metadata.name === name

const inFolder = ({ key, path }: Item): Item => ({ key, path: path.split('/').slice(1).join('/') })

/** Returns a folder backed by a ConfigMap that has only the keys that the folder needs. */
function fromConfigMap(
  rendered: KubeObject,
  { folder, items, volume }: { folder: string; items: Item[]; volume: string },
  { place }: Context,
): Folder {
  const name = podName(place, `${volume}-${folder}`)
  const all = rendered['data'] as Record<string, string>
  const data = Object.fromEntries(items.map(inFolder).map(({ key, path }) => [path, all[key]]))
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }
  return { folder, volume: name, source: { configMap: { name } }, configMap }
}

function fromGiven(
  kind: Given['kind'],
  name: string,
  { folder, items }: { folder: string; items: Item[] },
  { place }: Context,
): Folder {
  const volume = givenVolume(place, kind, name)
  const source = { persistentVolumeClaim: { claimName: volume } }
  return { folder, volume, source, given: { volume, kind, name, items: items.map(inFolder) } }
}
