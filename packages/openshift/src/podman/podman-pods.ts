import { createHash } from 'node:crypto'
import { isIPv4 } from 'node:net'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { pathsOf } from './proxy-paths.ts'
import { labelled, podName, type Place, type PodmanPod } from './place.ts'
import { type Mounts, mountsOf, type Volume } from './pod-volumes.ts'

interface Port {
  name: string
  containerPort: number
}

interface Container {
  name: string
  image: string
  args: string[]
  env: object[]
  ports?: Port[]
  readinessProbe?: { httpGet?: { path: string; port: string }; tcpSocket?: { port: string } }
  resources: { limits: Record<string, string> }
  securityContext: object
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[]
}

interface Template {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> }
  spec: {
    restartPolicy?: string
    securityContext: { runAsUser?: number; runAsGroup?: number }
    containers: Container[]
    volumes: Volume[]
  }
}

/** The last number of each pod's fixed IP address. Other pods reach the pod at this address. */
const ADDRESSES: Record<string, number> = {
  proxy: 10,
  postgresql: 11,
  prepare: 12,
  servers: 13,
  frontend: 14,
  backend: 15,
  distgit: 16,
  keygen: 17,
}
const FIRST_BUILDER = 100

/** Returns the pods of a deployment for podman, which has no controllers, Services or Ingress. */
export function podmanPods(objects: KubeObject[], place: Place): PodmanPod[] {
  const hosts = hostAliases(objects, place)
  const pods = objects.flatMap((object) => {
    const template = templateOf(object)
    return template ? [podOf(object, template, { objects, place, hosts })] : []
  })
  return [...pods, proxyPod(objects, place, hosts)]
}

interface Context {
  objects: KubeObject[]
  place: Place
  hosts: HostAlias[]
}

function podOf(owner: KubeObject, { metadata, spec }: Template, context: Context): PodmanPod {
  const { place, hosts, objects } = context
  const component = componentOf(owner)
  const mounts = mountsOf(spec, { component, place, objects })
  const { runAsUser, runAsGroup } = spec.securityContext
  const containers = spec.containers.map((container) => ({
    name: container.name,
    image: container.image,
    imagePullPolicy: 'IfNotPresent',
    args: container.args,
    env: container.env,
    resources: { limits: container.resources.limits },
    securityContext: { ...container.securityContext, runAsUser, runAsGroup },
    volumeMounts: mounts.of(container.volumeMounts),
  }))
  return finished(place, component, {
    labels: metadata.labels,
    inputs: metadata.annotations['copr/checksum'],
    spec: {
      restartPolicy: spec.restartPolicy ?? 'Always',
      hostAliases: hosts,
      containers,
      volumes: mounts.volumes,
    },
    mounts,
    runs: owner.kind === 'Job' ? 'once' : 'always',
    checks: spec.containers.flatMap((container) => checkOf(container)),
  })
}

interface Unfinished {
  labels?: Record<string, string>
  /** Checksum of the pod's other inputs, such as Secrets. */
  inputs?: string | undefined
  spec: object
  mounts?: Mounts
  runs: PodmanPod['runs']
  checks: PodmanPod['checks']
}

/** Completes a pod, and adds the label by which isCurrent() detects changes. */
function finished(place: Place, component: string, pod: Unfinished): PodmanPod {
  const { labels = {}, inputs = '', spec, mounts, runs, checks } = pod
  const configMaps = mounts?.configMaps ?? []
  const hash = createHash('sha256').update(JSON.stringify([spec, configMaps, inputs]))
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(place, component),
      labels: labelled(place, { ...labels, 'copr/checksum': hash.digest('hex').slice(0, 32) }),
    },
    spec: spec as Record<string, unknown>,
  }
  return {
    name: object.metadata.name,
    component,
    objects: [...configMaps, object],
    address: addressOf(place, component),
    given: mounts?.given ?? [],
    data: mounts?.data ?? [],
    runs,
    checks,
  }
}

function templateOf({ kind, spec }: KubeObject): Template | undefined {
  if (!['Deployment', 'StatefulSet', 'Job'].includes(kind)) return undefined
  return (spec as { template: Template }).template
}

const componentOf = ({ metadata }: KubeObject): string =>
  metadata.labels?.['app.kubernetes.io/name'] ?? metadata.name

function checkOf({ name, ports = [], readinessProbe }: Container): PodmanPod['checks'] {
  const { httpGet, tcpSocket } = readinessProbe ?? {}
  const wanted = httpGet?.port ?? tcpSocket?.port
  const port = ports.find((each) => each.name === wanted)?.containerPort
  if (port === undefined) return []
  return [{ container: name, port, ...(httpGet ? { path: httpGet.path } : {}) }]
}

interface HostAlias {
  ip: string
  hostnames: string[]
}

/** Replaces Services: maps each Service's DNS name to the address of the pod that its selector matches. */
function hostAliases(objects: KubeObject[], place: Place): HostAlias[] {
  const services = objects.filter(({ kind }) => kind === 'Service')
  return services.map(({ metadata, spec }) => {
    const { selector } = spec as { selector: Record<string, string> }
    const pod = objects.find((object) => {
      const labels = templateOf(object)?.metadata.labels ?? {}
      return Object.entries(selector).every(([key, value]) => labels[key] === value)
    })
    if (!pod) throw new Error(`No pod backs the Service ${metadata.name}`)
    return {
      ip: addressOf(place, componentOf(pod)),
      hostnames: [`${metadata.name}.${place.namespace}.svc`],
    }
  })
}

/** Returns the pod with the only public port: a reverse proxy, which replaces an Ingress controller. */
function proxyPod(objects: KubeObject[], place: Place, hosts: HostAlias[]): PodmanPod {
  const { namespace, publish, images } = place
  const to = pathsOf(objects).flatMap(({ path, service, port }) => [
    '--to',
    `${path}=http://${service}.${namespace}.svc:${port}`,
  ])
  const container = {
    name: 'proxy',
    image: images.server,
    imagePullPolicy: 'IfNotPresent',
    args: ['proxy', '--listen', `0.0.0.0:${PROXY_PORT}`, ...to],
    ports: [{ containerPort: PROXY_PORT, hostPort: publish.port, hostIP: publish.host }],
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  }
  return finished(place, 'proxy', {
    spec: { restartPolicy: 'Always', hostAliases: hosts, containers: [container] },
    runs: 'always',
    checks: [{ container: 'proxy', port: PROXY_PORT, path: '/api_3/' }],
  })
}

const PROXY_PORT = 5000

/** Returns the reverse proxy's URL inside the deployment's network, for builders. */
export function buildersUrl({ namespace }: Pick<Place, 'namespace'>): string {
  return `http://proxy.${namespace}.svc:${PROXY_PORT}`
}

/**
 * Returns the pod of a builder. It runs as root in a privileged container, so it may create mounts and namespaces. The volume with its
 * enrollment token is created when the builder is enrolled.
 */
export function builderPod(place: Place, number: number, command: string[]): PodmanPod {
  const component = `builder-${number}`
  const agent = `${podName(place, component)}-agent`
  const work = `${podName(place, component)}-work`
  const container = {
    name: 'builder',
    image: place.images.builder,
    imagePullPolicy: 'IfNotPresent',
    command,
    securityContext: { privileged: true, runAsUser: 0 },
    volumeMounts: [
      { name: agent, mountPath: '/etc/copr-builder', readOnly: true },
      { name: work, mountPath: '/var/lib/copr-builder' },
    ],
  }
  const proxy = { ip: addressOf(place, 'proxy'), hostnames: [new URL(buildersUrl(place)).hostname] }
  return finished(place, component, {
    labels: { 'app.kubernetes.io/name': component },
    spec: {
      restartPolicy: 'Never',
      hostAliases: [proxy],
      terminationGracePeriodSeconds: 30,
      containers: [container],
      volumes: [
        { name: agent, persistentVolumeClaim: { claimName: agent } },
        { name: work, emptyDir: {} },
      ],
    },
    runs: 'always',
    checks: [],
  })
}

/** Returns a component's address in the network that podman created for the deployment. */
function addressOf({ subnet }: Place, component: string): string {
  const [, builder] = /^builder-(\d+)$/.exec(component) ?? []
  const last = builder === undefined ? ADDRESSES[component] : FIRST_BUILDER + Number(builder)
  if (last === undefined || last > 254) throw new Error(`No address is kept for ${component}`)
  const [network = ''] = subnet.split('/')
  if (!isIPv4(network))
    throw new Error(`Cannot use the network ${subnet}: it is not an IPv4 network`)
  return network.replace(/\d+$/, String(last))
}
