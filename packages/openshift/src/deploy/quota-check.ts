import { type KubeApi, ifAllowed } from '@copr/kube-client/kube-api'
import { amountOf } from '@copr/contract/deployment/quantity'
import { type KubeObject, nameOf } from '@copr/kube-client/kube-object'
import { pluralOf } from '@copr/kube-client/kinds'
import { failure, type FailureHint } from './failure-hints.ts'

type Amounts = Record<string, number>
type Quantities = Record<string, string>

interface Container {
  name: string
  resources?: { requests?: Quantities; limits?: Quantities }
}

interface Limit {
  type: string
  min?: Quantities
  max?: Quantities
  default?: Quantities
  defaultRequest?: Quantities
  maxLimitRequestRatio?: Quantities
}

/** Throws if quotas or limit ranges of the namespace do not allow the deployment; called before anything is changed. */
export async function requireQuota(
  api: KubeApi,
  objects: KubeObject[],
  namespace: string,
): Promise<void> {
  const hints = await quotaProblems(api, objects, namespace)
  if (hints.length > 0) throw failure('deploy', hints)
}

/**
 * Lists the ways in which quotas and limit ranges of the namespace do not allow the objects. Quotas need to allow only the difference to
 * the live objects.
 */
export async function quotaProblems(
  api: KubeApi,
  objects: KubeObject[],
  namespace: string,
): Promise<FailureHint[]> {
  const quotas = (await ifAllowed(api.list('v1', 'ResourceQuota', { namespace }))) ?? []
  const ranges = (await ifAllowed(api.list('v1', 'LimitRange', { namespace }))) ?? []
  if (quotas.length + ranges.length === 0) return []
  const limits = ranges.flatMap(({ spec }) => (spec as { limits?: Limit[] }).limits ?? [])
  const ours = objects.filter(({ metadata }) => metadata.namespace === namespace)
  const sentences = ours.flatMap((object) => limitFaults(object, limits))
  if (quotas.length > 0) {
    const found = await Promise.all(ours.map((object) => api.find(object)))
    const live = found.filter((object) => object !== undefined)
    // A finished Job does not run again, so its live object is used instead of the rendered one.
    const wanted = ours.map((object, index) =>
      isDone(found[index]) ? found[index]! : withReplicas(object, found[index], objects),
    )
    const total = (all: KubeObject[]): Amounts => sum(all.map((each) => needsOf(each, limits)))
    const [all, there] = [total(wanted), total(live)]
    sentences.push(...quotas.flatMap((quota) => quotaFaults(quota, all, there)))
  }
  const command = `kubectl -n ${namespace} describe quota,limitrange; ask for more, or set a smaller profile or smaller sizes in vars.yml`
  return sentences.map((sentence) => ({ sentence, command }))
}

/** Quota scopes that match the pods of a deployment: all of them request resources, and run until they are stopped. */
const OUR_SCOPES = new Set(['NotTerminating', 'NotBestEffort'])

function quotaFaults(
  { metadata, ...quota }: KubeObject,
  wanted: Amounts,
  there: Amounts,
): string[] {
  const {
    scopes = [],
    scopeSelector,
    hard: asked = {},
  } = quota['spec'] as {
    scopes?: string[]
    scopeSelector?: object
    hard?: Quantities
  }
  if (scopeSelector || !scopes.every((scope) => OUR_SCOPES.has(scope))) return []
  const status = (quota['status'] ?? {}) as { hard?: Quantities; used?: Quantities }
  return Object.entries(status.hard ?? asked).flatMap(([resource, most]) => {
    const name = ALIASES[resource] ?? resource
    const more = (wanted[name] ?? 0) - (there[name] ?? 0)
    const left = amountOf(most) - amountOf(status.used?.[resource] ?? '0')
    if (more <= 0 || more <= left) return []
    const say = (amount: number): string => wordsOf(name, amount)
    return [
      `the quota ${metadata.name} of the namespace has capacity for ${say(Math.max(0, left))} ${name}, and this needs ${say(more)} (${most} in all, ${status.used?.[resource] ?? '0'} used)`,
    ]
  })
}

const ALIASES: Record<string, string> = {
  cpu: 'requests.cpu',
  memory: 'requests.memory',
  'count/pods': 'pods',
  'count/persistentvolumeclaims': 'persistentvolumeclaims',
  'count/services': 'services',
  'count/configmaps': 'configmaps',
  'count/secrets': 'secrets',
}

function wordsOf(resource: string, amount: number): string {
  if (/memory|storage$/.test(resource)) return `${Math.ceil(amount / 1024 ** 2)}Mi`
  return String(Math.round(amount * 1000) / 1000)
}

/** Computes the amounts that an object uses of a ResourceQuota. */
function needsOf(object: KubeObject, limits: Limit[]): Amounts {
  const { apiVersion, kind, metadata } = object
  const group = apiVersion.includes('/') ? `.${apiVersion.split('/')[0]}` : ''
  const plural = pluralOf(kind)
  const counted = group === '' ? { [plural]: 1 } : { [`count/${plural}${group}`]: 1 }
  if (kind === 'PersistentVolumeClaim') return { ...counted, ...claimNeeds(object) }
  if (isDone(object)) return counted
  const pod = podOf(object)
  if (!pod || metadata.namespace === undefined) return counted
  const each = sum(pod.containers.map((container) => containerNeeds(container, limits)))
  const scaled = Object.entries(each).map(([name, amount]) => [name, amount * pod.replicas])
  return { ...counted, pods: pod.replicas, ...(Object.fromEntries(scaled) as Amounts) }
}

function claimNeeds({ spec }: KubeObject): Amounts {
  const { storageClassName, resources } = spec as {
    storageClassName?: string
    resources: { requests: { storage: string } }
  }
  const storage = amountOf(resources.requests.storage)
  const ofClass = `${storageClassName}.storageclass.storage.k8s.io`
  return {
    'requests.storage': storage,
    ...(storageClassName === undefined
      ? {}
      : { [`${ofClass}/requests.storage`]: storage, [`${ofClass}/persistentvolumeclaims`]: 1 }),
  }
}

function containerNeeds(container: Container, limits: Limit[]): Amounts {
  const { requests, limits: most } = effective(container, limits)
  const named = (prefix: string, amounts: Quantities): [string, number][] =>
    Object.entries(amounts).map(([name, amount]) => [`${prefix}.${name}`, amountOf(amount)])
  return Object.fromEntries([...named('requests', requests), ...named('limits', most)])
}

/** Returns the resources of a container once the defaults of the namespace's limit ranges are applied. */
function effective({ resources = {} }: Container, limits: Limit[]) {
  const ranges = limits.filter(({ type }) => type === 'Container')
  const most = Object.assign({}, ...ranges.map((each) => each.default), resources.limits)
  const least = Object.assign({}, ...ranges.map((each) => each.defaultRequest))
  // This is what Kubernetes does: a container's own limits take precedence over the default requests of a LimitRange.
  const requests = { ...least, ...resources.limits, ...resources.requests } as Quantities
  return { requests, limits: most as Quantities }
}

function limitFaults(object: KubeObject, limits: Limit[]): string[] {
  if (object.kind === 'PersistentVolumeClaim') {
    const { resources } = object['spec'] as { resources: { requests: Quantities } }
    return limits
      .filter(({ type }) => type === 'PersistentVolumeClaim')
      .flatMap((limit) => outside(nameOf(object), { requests: resources.requests, limit }))
  }
  const containers = podOf(object)?.containers ?? []
  return containers.flatMap((container) => {
    const sizes = effective(container, limits)
    const what = `${nameOf(object)}, container ${container.name}`
    const ranges = limits.filter(({ type }) => type === 'Container')
    return [
      ...ranges.flatMap((limit) =>
        outside(what, { requests: sizes.requests, most: sizes.limits, limit }),
      ),
      ...overLimit(what, sizes),
    ]
  })
}

function outside(
  what: string,
  { requests, most = requests, limit }: { requests: Quantities; most?: Quantities; limit: Limit },
): string[] {
  const { min = {}, max = {} } = limit
  const under = Object.entries(min).filter(
    ([name, least]) => name in requests && amountOf(requests[name] ?? '0') < amountOf(least),
  )
  const over = Object.entries(max).filter(
    ([name, top]) => name in most && amountOf(most[name] ?? '0') > amountOf(top),
  )
  return [
    ...under.map(
      ([name, least]) =>
        `${what}: a range of the namespace asks for at least ${least} ${name}, and this requests ${requests[name]}`,
    ),
    ...over.map(
      ([name, top]) =>
        `${what}: a range of the namespace allows ${top} ${name}, and this may need ${most[name]}`,
    ),
  ]
}

/** Reports requests above limits, which the API server refuses. */
function overLimit(
  what: string,
  { requests, limits }: { requests: Quantities; limits: Quantities },
): string[] {
  return Object.entries(limits)
    .filter(([name, most]) => amountOf(requests[name] ?? '0') > amountOf(most))
    .map(
      ([name, most]) =>
        `${what}: a range of the namespace limits it to ${most} ${name}, and this requests ${requests[name]}`,
    )
}

/**
 * Fills in the replicas of a Deployment that an autoscaler controls: the live number, or the autoscaler's minimum if there is no live
 * Deployment.
 */
function withReplicas(
  object: KubeObject,
  live: KubeObject | undefined,
  objects: KubeObject[],
): KubeObject {
  const { kind, metadata } = object
  const spec = object['spec'] as { replicas?: number } | undefined
  if (kind !== 'Deployment' || spec?.replicas !== undefined) return object
  const scalers = objects
    .filter((each) => each.kind === 'HorizontalPodAutoscaler')
    .map((each) => each['spec'] as { scaleTargetRef: { name: string }; minReplicas?: number })
  const scaler = scalers.find(({ scaleTargetRef }) => scaleTargetRef.name === metadata.name)
  const there = (live?.['spec'] as { replicas?: number } | undefined)?.replicas
  return { ...object, spec: { ...spec, replicas: there ?? scaler?.minReplicas ?? 1 } }
}

function podOf(object: KubeObject): { containers: Container[]; replicas: number } | undefined {
  const { replicas = 1, template } = (object['spec'] ?? {}) as {
    replicas?: number
    template?: { spec?: { containers?: Container[] } }
  }
  const containers = template?.spec?.containers
  return containers && { containers, replicas }
}

/** Whether a Job has succeeded. If it has, its pods no longer count against compute quotas. */
function isDone(object: KubeObject | undefined): boolean {
  if (object?.kind !== 'Job') return false
  return ((object['status'] as { succeeded?: number } | undefined)?.succeeded ?? 0) > 0
}

function sum(all: Amounts[]): Amounts {
  const total: Amounts = {}
  for (const each of all)
    for (const [name, amount] of Object.entries(each)) total[name] = (total[name] ?? 0) + amount
  return total
}
