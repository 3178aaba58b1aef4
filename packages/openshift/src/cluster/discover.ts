import type { Vars } from '@copr/contract/deployment/vars'
import { CoprError } from '@copr/process/errors'
import { createHash } from 'node:crypto'
import { mayI } from '../deploy/rights.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { Facts, Flavour } from '../render/facts.ts'
import { ifAllowed, type KubeApi } from './kube-api.ts'

/** Something that was found, and where: told to whoever deploys. */
export interface Finding {
  fact: string
  value: string
  from: string
}

export interface Discovered {
  facts: Omit<Facts, 'images' | 'administrator_link' | 'secret_checksums'>
  findings: Finding[]
}

interface GroupList {
  groups: { name: string; preferredVersion?: { version: string } }[]
}

/** The API groups of a cluster tell what it is; names of products do not. */
export async function flavourOf(api: KubeApi): Promise<{ flavour: Flavour; groups: Set<string> }> {
  const { groups } = (await api.request('GET', '/apis')) as GroupList
  const names = new Set(groups.map(({ name }) => name))
  if (!names.has('route.openshift.io')) return { flavour: 'kubernetes', groups: names }
  return { flavour: names.has('project.openshift.io') ? 'openshift' : 'microshift', groups: names }
}

/** Asks the cluster for all that objects depend on. `known_host` is that of the deployment before: it stays. */
export async function discover(api: KubeApi, vars: Vars, known_host?: string): Promise<Discovered> {
  const { flavour, groups } = await flavourOf(api)
  const findings: Finding[] = [
    { fact: 'cluster', value: flavour, from: `the API at ${api.server}` },
  ]
  const found = (fact: string, value: string, from: string): void =>
    void findings.push({ fact, value, from })
  requireOperator(vars, groups)
  const domain = flavour === 'kubernetes' ? undefined : await appsDomain(api)
  if (domain) found('domain', domain.value, domain.from)
  const host = hostOf(vars, { flavour, domain: domain?.value, known_host })
  found('host', host.value, host.from)
  const exposure = await exposureOf(api, vars, groups)
  found('requests come by', exposure.exposure, exposure.from)
  const monitoring =
    groups.has('monitoring.coreos.com') &&
    (await mayI(api, {
      group: 'monitoring.coreos.com',
      resource: 'servicemonitors',
      verb: 'create',
      namespace: vars.name,
    }))
  const priority_classes =
    vars.profile !== 'small' &&
    (await mayI(api, { group: 'scheduling.k8s.io', resource: 'priorityclasses', verb: 'patch' }))
  const ingress_ca = flavour === 'openshift' ? await ingressAuthority(api) : undefined
  const isBelow = domain !== undefined && host.value.endsWith(`.${domain.value}`)
  return {
    facts: {
      flavour,
      host: host.value,
      subdomain: isBelow ? host.value.slice(0, -domain.value.length - 1) : undefined,
      exposure: exposure.exposure,
      gateway: exposure.gateway,
      backend_tls: exposure.backend_tls,
      service_ca: flavour !== 'kubernetes',
      ingress_ca,
      monitoring,
      single_node: await isSingleNode(api, flavour),
      limits_demanded: await limitsDemanded(api, vars.name),
      priority_classes,
    },
    findings,
  }
}

function requireOperator({ database }: Vars, groups: Set<string>): void {
  const needed = {
    cloudnativepg: 'postgresql.cnpg.io',
    crunchy: 'postgres-operator.crunchydata.com',
  }
  const group = needed[database.mode as keyof typeof needed]
  if (group !== undefined && !groups.has(group))
    throw new CoprError(
      'conflict',
      `Cannot deploy: database.mode is ${database.mode}, but the cluster does not have its operator (there is no API group ${group})\n    try: install the operator, or set database.mode to embedded`,
    )
}

async function appsDomain(api: KubeApi): Promise<{ value: string; from: string } | undefined> {
  const path = '/apis/config.openshift.io/v1/ingresses/cluster'
  const ingress = (await ifAllowed(api.request('GET', path))) as
    | { spec?: { domain?: string; appsDomain?: string } }
    | undefined
  const value = ingress?.spec?.appsDomain || ingress?.spec?.domain
  if (value) return { value, from: "the cluster's Ingress configuration" }
  // Everybody who is logged in may read where the console is.
  const data = await configMapData(api, 'openshift-config-managed', 'console-public')
  const console =
    data?.['consoleURL'] === undefined ? undefined : new URL(data['consoleURL']).hostname
  const below = console && /^console-openshift-console\.(.+)$/.exec(console)?.[1]
  return below ? { value: below, from: 'the address of the console' } : undefined
}

async function ingressAuthority(api: KubeApi): Promise<string | undefined> {
  const data = await configMapData(api, 'openshift-config-managed', 'default-ingress-cert')
  return data?.['ca-bundle.crt']
}

async function configMapData(
  api: KubeApi,
  namespace: string,
  name: string,
): Promise<Record<string, string> | undefined> {
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } }
  return (await ifAllowed(api.find(ref)))?.['data'] as Record<string, string> | undefined
}

function hostOf(
  { expose, name }: Vars,
  {
    flavour,
    domain,
    known_host,
  }: { flavour: Flavour; domain: string | undefined; known_host: string | undefined },
): { value: string; from: string } {
  if (expose.host) return { value: expose.host, from: 'expose.host' }
  if (known_host) return { value: known_host, from: 'the deployment before' }
  if (domain) return { value: `${name}.${domain}`, from: 'the name and the domain' }
  const why =
    flavour === 'kubernetes'
      ? 'Kubernetes has no domain to take a host from'
      : 'you may not read the domain of the cluster'
  throw new CoprError('invalid', `Cannot deploy: ${why}; set expose.host in vars.yml`)
}

interface Exposure {
  exposure: Facts['exposure']
  from: string
  gateway?: Facts['gateway']
  backend_tls: boolean
}

async function exposureOf(api: KubeApi, { expose }: Vars, groups: Set<string>): Promise<Exposure> {
  const from = expose.with === 'auto' ? 'what the cluster has' : 'expose.with'
  const hasRoutes = groups.has('route.openshift.io')
  if (expose.with === 'route' && !hasRoutes)
    throw new CoprError(
      'invalid',
      'Cannot deploy: expose.with is route, but the cluster has no Routes',
    )
  if (expose.with === 'route' || (expose.with === 'auto' && hasRoutes))
    return { exposure: 'route', from, backend_tls: true }
  const group = 'gateway.networking.k8s.io'
  if (expose.with === 'ingress' || !groups.has(group))
    return { exposure: 'ingress', from, backend_tls: false }
  const gateways = expose.gateway
    ? [expose.gateway]
    : ((await ifAllowed(api.list(`${group}/v1`, 'Gateway'))) ?? []).map(({ metadata }) => ({
        name: metadata.name,
        namespace: metadata.namespace ?? '',
      }))
  const [gateway, ...more] = gateways
  if (gateway && more.length === 0)
    return { exposure: 'gateway', from, gateway, backend_tls: await hasBackendTls(api, group) }
  if (expose.with === 'auto' && !gateway) return { exposure: 'ingress', from, backend_tls: false }
  const names = gateways.map(({ name, namespace }) => `${namespace}/${name}`).join(', ') || 'none'
  throw new CoprError(
    'invalid',
    `Cannot deploy: which Gateway? Set expose.gateway in vars.yml; you see: ${names}`,
  )
}

async function hasBackendTls(api: KubeApi, group: string): Promise<boolean> {
  const { resources } = (await api.request('GET', `/apis/${group}/v1`)) as {
    resources: { name: string }[]
  }
  return resources.some(({ name }) => name === 'backendtlspolicies')
}

async function isSingleNode(api: KubeApi, flavour: Flavour): Promise<boolean> {
  if (flavour === 'microshift') return true
  const path = '/apis/config.openshift.io/v1/infrastructures/cluster'
  const found = flavour === 'openshift' ? await ifAllowed(api.request('GET', path)) : undefined
  const topology = (found as { status?: { infrastructureTopology?: string } } | undefined)?.status
    ?.infrastructureTopology
  if (topology !== undefined) return topology === 'SingleReplica'
  return (await ifAllowed(api.list('v1', 'Node')))?.length === 1
}

/** A quota on limits refuses pods without, unless a range gives them defaults. */
async function limitsDemanded(api: KubeApi, namespace: string): Promise<Facts['limits_demanded']> {
  const quotas = (await ifAllowed(api.list('v1', 'ResourceQuota', { namespace }))) ?? []
  const ranges = (await ifAllowed(api.list('v1', 'LimitRange', { namespace }))) ?? []
  const hard = quotas.flatMap((each) => Object.keys((each['spec'] as { hard?: object }).hard ?? {}))
  const text = JSON.stringify(ranges.map((each) => each['spec']))
  const demanded = (resource: string): boolean =>
    hard.includes(`limits.${resource}`) && !new RegExp(`"default":\\{[^}]*"${resource}"`).test(text)
  return { cpu: demanded('cpu'), memory: demanded('memory') }
}

/** Of the Secrets of a namespace that programs read; those that we may not read do not count. */
export async function secretChecksums(
  api: KubeApi,
  namespace: string,
  names: string[],
): Promise<Record<string, string>> {
  const found = await Promise.all(
    names.map(async (name) => {
      const ref = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } }
      return [name, await ifAllowed(api.find(ref))] as const
    }),
  )
  const known = found.filter((each): each is [string, KubeObject] => each[1] !== undefined)
  return Object.fromEntries(known.map(([name, secret]) => [name, checksum(secret['data'])]))
}

function checksum(data: unknown): string {
  const entries = Object.entries((data ?? {}) as Record<string, string>).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  )
  return createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 32)
}
