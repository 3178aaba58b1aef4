import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startControlLoop } from '../control-loop.ts'
import type { KubeClient, KubeObject } from '../kube-client.ts'

const PROVISIONER = 'pretend.copr.test'
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by'
const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class'

export interface StorageOptions {
  /** Whether there is a default storage class, `standard`, whose claims get volumes. Default: true. */
  storage?: boolean
  /** The folder for the volumes of real pods; if unset, volumes exist only in the API. */
  volumesDir?: string
}

/**
 * Provides a storage class like those of clouds: a claim waits for its first pod before it gets a volume. Also provides the class
 * `out-of-space`, whose claims stay unbound.
 */
export async function startStorage(
  client: KubeClient,
  { storage = true, volumesDir }: StorageOptions,
): Promise<AsyncDisposable> {
  if (!storage) return { [Symbol.asyncDispose]: async () => undefined }
  await client.apply(storageClass('standard', PROVISIONER, { [DEFAULT_CLASS]: 'true' }), 'testkit')
  await client.apply(storageClass('out-of-space', `full.${PROVISIONER}`, {}), 'testkit')
  return startControlLoop({
    client,
    kinds: [
      ['v1', 'PersistentVolumeClaim'],
      ['v1', 'PersistentVolume'],
    ],
    step: async () => {
      const claims = await client.list('v1', 'PersistentVolumeClaim')
      await Promise.all(
        claims.filter(isDue).map(async (claim) => await provide(client, claim, volumesDir)),
      )
      const volumes = await client.list('v1', 'PersistentVolume')
      await Promise.all(volumes.filter(isReleased).map(async (each) => await client.delete(each)))
      return undefined
    },
  })
}

function storageClass(
  name: string,
  provisioner: string,
  annotations: Record<string, string>,
): KubeObject {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name, annotations },
    provisioner,
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  }
}

/** Whether a claim of the class `standard` is used by a pod that has been assigned to a node. */
function isDue({ metadata, spec, status }: KubeObject): boolean {
  const asked = metadata.annotations?.['volume.kubernetes.io/selected-node'] !== undefined
  return asked && spec.storageClassName === 'standard' && status?.phase === 'Pending'
}

/** Whether a volume that was provisioned here has lost its claim. */
function isReleased({ metadata, status }: KubeObject): boolean {
  return metadata.annotations?.[PROVISIONED_BY] === PROVISIONER && status?.phase === 'Released'
}

async function provide(
  client: KubeClient,
  claim: KubeObject,
  volumesDir = '/nonexistent',
): Promise<void> {
  const { name, namespace, uid, resourceVersion } = claim.metadata
  const { accessModes, resources, volumeMode, storageClassName } = claim['spec']
  const path = join(volumesDir, `pvc-${uid}`)
  if (existsSync(volumesDir)) {
    mkdirSync(path, { recursive: true })
    // A folder on the node, unlike other volumes, does not get the pod's group (fsGroup), so it must be writable by everyone.
    chmodSync(path, 0o777)
  }
  const volume: KubeObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: `pvc-${uid}`,
      annotations: { [PROVISIONED_BY]: PROVISIONER },
    },
    spec: {
      accessModes,
      capacity: { storage: resources.requests.storage },
      volumeMode,
      storageClassName,
      persistentVolumeReclaimPolicy: 'Delete',
      hostPath: { path },
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        name,
        namespace,
        uid,
        resourceVersion,
      },
    },
  }
  if (!(await client.find(volume))) await client.create(volume)
}
