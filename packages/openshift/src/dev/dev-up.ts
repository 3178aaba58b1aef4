import { CoprError } from '@copr/process/errors'
import { VERSION } from '@copr/process/version'
import { flavourOf } from '../cluster/discover.ts'
import type { KubeApi } from '@copr/kube-client/kube-api'
import type { ReadVars } from '../configuration/read-vars.ts'
import { applyAll } from '../deploy/apply.ts'
import { requireCluster } from '../deploy/deployment.ts'
import { requireNamespace } from '../deploy/namespace.ts'
import { requireRights } from '../deploy/rights.ts'
import type { ObjectRef } from '@copr/kube-client/kube-object'
import type { Facts } from '../render/facts.ts'
import { builderNamespace } from '../render/network-policies.ts'
import { buildImage, type BuildOptions } from './build-image.ts'
import { buildObjects, DEV_IMAGES, DEV_LABEL, type DevImage, pullersOf } from './build-objects.ts'

export interface DevImages {
  /** The images to deploy, by digest. */
  images: Facts['images']
  /** The vars, in which pools of pods now use the newly built builder image, if one was built. */
  read: ReadVars
}

/** Whether this cluster has OpenShift's build API. */
export async function hasBuilds(api: KubeApi): Promise<boolean> {
  const { groups } = await flavourOf(api)
  return groups.has('build.openshift.io') && groups.has('image.openshift.io')
}

/** Builds the images that a deployment needs from the checkout, in the deployment's namespace. */
export async function buildImages(
  api: KubeApi,
  read: ReadVars,
  options: BuildOptions,
): Promise<DevImages> {
  requireCluster(api, read)
  const { vars } = read
  const namespace = vars.name
  const { groups } = await flavourOf(api)
  await requireNamespace(api, namespace, { hasProjects: groups.has('project.openshift.io') })
  const pools = podPools(read)
  const needed = DEV_IMAGES.filter(
    (image) =>
      image === 'server' ||
      (image === 'postgresql' && vars.database.mode === 'embedded') ||
      (image === 'builder' && pools.length > 0),
  )
  const args = { VERSION, REVISION: options.source.revision }
  const planned = needed.flatMap((image) => buildObjects({ namespace, image, args }))
  await requireRights(api, planned, namespace)
  const built = new Map<DevImage, string>()
  for (const image of needed) {
    const server = built.get('server')
    const of = { namespace, image, args: { ...args, ...(server ? { SERVER: server } : {}) } }
    built.set(image, await buildImage(api, of, options))
  }
  const server = built.get('server')
  if (server === undefined) throw new Error('The image of the servers was not built')
  const builder = built.get('builder')
  if (builder !== undefined) {
    const binding = pullersOf(namespace, builderNamespace({ namespace }))
    await applyAll(api, [binding], { namespace, tell: () => undefined })
  }
  return {
    images: { server, postgresql: built.get('postgresql') ?? server },
    read: builder === undefined ? read : withBuilder(read, pools, builder),
  }
}

interface PodPool {
  provider?: string
  image?: string
}

/** Names of the pools whose machines are pods. */
function podPools({ vars }: ReadVars): string[] {
  return Object.entries(vars.builders.pools)
    .filter(([, pool]) => (pool as PodPool | null)?.provider === 'kubernetes')
    .map(([name]) => name)
}

function withBuilder(read: ReadVars, names: string[], image: string): ReadVars {
  const changed = names.map((name) => [
    name,
    { ...(read.vars.builders.pools[name] as PodPool), image },
  ])
  const pools = { ...read.vars.builders.pools, ...Object.fromEntries(changed) }
  return { ...read, vars: { ...read.vars, builders: { ...read.vars.builders, pools } } }
}

/** Deletes the objects that image builds created in the namespace; the deployment itself is not touched. */
export async function removeBuilds(
  api: KubeApi,
  namespace: string,
  removed: (ref: ObjectRef) => void,
): Promise<void> {
  const kinds = [
    ['build.openshift.io/v1', 'BuildConfig'],
    ['image.openshift.io/v1', 'ImageStream'],
    ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
  ] as const
  const labelSelector = Object.entries(DEV_LABEL)
    .map((each) => each.join('='))
    .join(',')
  for (const [apiVersion, kind] of kinds)
    for (const object of await api.list(apiVersion, kind, { namespace, labelSelector }))
      if (await api.remove(object)) removed(object)
}

/** Returns the error for a cluster without a build API; it names the alternative. */
export function cannotBuild(server: string): CoprError {
  return new CoprError(
    'conflict',
    `Cannot build in the cluster at ${server}: it has no builds, as Kubernetes and MicroShift have none
    try: images.registry in vars.yml, a registry to which you may push and from which its nodes pull: coprctl dev up then builds here and pushes there`,
  )
}
