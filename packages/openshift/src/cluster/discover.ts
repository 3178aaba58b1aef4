import { amountOf } from '@copr/contract/deployment/quantity'
import type { Vars } from '@copr/contract/deployment/vars'
import { CoprError } from '@copr/process/errors'
import { createHash } from 'node:crypto'
import type { KubeObject } from '@copr/kube-client/kube-object'
import type { Facts, Flavour } from '../render/facts.ts'
import { appsDomain, configMapData } from './apps-domain.ts'
import { mayI } from '@copr/kube-client/access-review'
import { ifAllowed, type KubeApi } from '@copr/kube-client/kube-api'

/** A discovered fact and its source, for the administrator who deploys. */
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

/** Tells flavors of clusters apart by their API groups rather than by product names. */
export async function flavourOf(api: KubeApi): Promise<{ flavour: Flavour; groups: Set<string> }> {
  const { groups } = (await api.request('GET', '/apis')) as GroupList
  const names = new Set(groups.map(({ name }) => name))
  if (!names.has('route.openshift.io')) return { flavour: 'kubernetes', groups: names }
  return { flavour: names.has('config.openshift.io') ? 'openshift' : 'microshift', groups: names }
}

/**
 * Discovers everything about the cluster on which the deployed objects depend. `known` is the host of the previous deployment, which is
 * kept.
 */
export async function discover(api: KubeApi, vars: Vars, known?: Host): Promise<Discovered> {
  const { flavour, groups } = await flavourOf(api)
  const findings: Finding[] = [
    { fact: 'cluster', value: flavour, from: `the API at ${api.server}` },
  ]
  const found = (fact: string, value: string, from: string): void =>
    void findings.push({ fact, value, from })
  requireOperator(vars, groups)
  const host = await hostOf(api, vars, { flavour, known })
  found('host', host.host, host.from)
  const exposure = await exposureOf(api, vars, groups)
  found('requests come by', exposure.exposure, exposure.from)
  const oauth = flavour === 'openshift' ? await oauthServer(api) : undefined
  if (oauth !== undefined) found('login of the cluster', oauth, 'what its API says of OAuth')
  const monitoring = groups.has('monitoring.coreos.com') && (await mayMonitor(api, vars.name))
  const priority_classes =
    vars.profile !== 'small' &&
    (await mayI(api, { group: 'scheduling.k8s.io', resource: 'priorityclasses', verb: 'patch' }))
  const ingress_ca =
    (await ownAuthority(api, vars)) ??
    (flavour === 'openshift' ? await ingressAuthority(api) : undefined)
  return {
    facts: {
      flavour,
      host: host.host,
      subdomain: host.subdomain,
      exposure: exposure.exposure,
      gateway: exposure.gateway,
      backend_tls: exposure.backend_tls,
      oauth: oauth !== undefined,
      service_ca: flavour !== 'kubernetes',
      ingress_ca,
      monitoring,
      single_node: await isSingleNode(api, flavour),
      ...(await limitsOf(api, vars.name)),
      priority_classes,
    },
    findings,
  }
}

/** Returns the issuer of the cluster's OAuth server; undefined for clusters that use an OpenID Connect provider directly. */
async function oauthServer(api: KubeApi): Promise<string | undefined> {
  const path = '/.well-known/oauth-authorization-server'
  const metadata = await ifAllowed(api.request('GET', path))
  return (metadata as { issuer?: string } | undefined)?.issuer
}

async function mayMonitor(api: KubeApi, namespace: string): Promise<boolean> {
  const may = (resource: string): Promise<boolean> =>
    mayI(api, { group: 'monitoring.coreos.com', resource, verb: 'create', namespace })
  return (await may('servicemonitors')) && (await may('prometheusrules'))
}

function requireOperator({ database, storage }: Vars, groups: Set<string>): void {
  if (storage.results.s3?.bucket_claim && !groups.has('objectbucket.io'))
    throw new CoprError(
      'conflict',
      'Cannot deploy: storage.results.s3.bucket_claim is set, but the cluster makes no buckets (there is no API group objectbucket.io)\n    try: install what makes them, as OpenShift Data Foundation, or name a bucket of yours as storage.results.s3.bucket',
    )
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

/** The CA certificate (`ca.crt`) in the administrator's certificate Secret, if there is one and this user may read it. */
async function ownAuthority(api: KubeApi, { expose, name }: Vars): Promise<string | undefined> {
  const [, secret] = /^secret:(.+)$/.exec(expose.certificate) ?? []
  if (secret === undefined) return undefined
  const ref = { apiVersion: 'v1', kind: 'Secret', metadata: { name: secret, namespace: name } }
  const data = (await ifAllowed(api.find(ref)))?.['data'] as Record<string, string> | undefined
  const authority = data?.['ca.crt']
  return authority === undefined ? undefined : Buffer.from(authority, 'base64').toString()
}

async function ingressAuthority(api: KubeApi): Promise<string | undefined> {
  const data = await configMapData(api, 'openshift-config-managed', 'default-ingress-cert')
  return data?.['ca-bundle.crt']
}

/** The public host. It stays the same for the life of a deployment, because links to it are everywhere. */
export interface Host {
  host: string
  subdomain?: string | undefined
}

async function hostOf(
  api: KubeApi,
  { expose, name }: Vars,
  { flavour, known }: { flavour: Flavour; known: Host | undefined },
): Promise<Host & { from: string }> {
  if (known && (expose.host === undefined || expose.host === known.host))
    return { ...known, from: 'the deployment before' }
  if (expose.host !== undefined) return { host: expose.host, from: 'expose.host' }
  if (flavour === 'kubernetes')
    throw new CoprError(
      'invalid',
      'Cannot deploy: Kubernetes has no domain to take a host from; set expose.host in vars.yml',
    )
  const { value, from } = await appsDomain(api, name)
  return { host: `${name}.${value}`, subdomain: name, from: `the name and ${from}` }
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

interface Range {
  type: string
  default?: Record<string, string>
  max?: Record<string, string>
}

/**
 * Decides whether containers set limits of their own. If a ResourceQuota counts a limit, the cluster refuses pods without that limit,
 * unless a LimitRange sets a default. If only a LimitRange sets a default or maximum CPU limit, containers set their own limit, because the
 * default would slow down their start. If a quota counts CPU limits as well, only the containers for which the default is too low set their
 * own.
 */
async function limitsOf(
  api: KubeApi,
  namespace: string,
): Promise<Pick<Facts, 'limits_demanded' | 'cpu_range'>> {
  const quotas = (await ifAllowed(api.list('v1', 'ResourceQuota', { namespace }))) ?? []
  const ranges = (await ifAllowed(api.list('v1', 'LimitRange', { namespace }))) ?? []
  const hard = quotas.flatMap((each) => Object.keys((each['spec'] as { hard?: object }).hard ?? {}))
  const limits = ranges.flatMap((each) => (each['spec'] as { limits?: Range[] }).limits ?? [])
  const ofContainers = limits.filter(({ type }) => type === 'Container')
  const given = (resource: string): string[] =>
    ofContainers.flatMap((each) => each.default?.[resource] ?? [])
  const isCounted = (resource: string): boolean => hard.includes(`limits.${resource}`)
  const most = least(ofContainers.flatMap((each) => each.max?.['cpu'] ?? []))
  const ranged = given('cpu').length > 0 || limits.some(({ max }) => max?.['cpu'] !== undefined)
  const standard = least(given('cpu'))
  return {
    limits_demanded: {
      cpu: isCounted('cpu') ? given('cpu').length === 0 : ranged,
      memory: isCounted('memory') && given('memory').length === 0,
    },
    cpu_range:
      (standard ?? most) === undefined
        ? undefined
        : {
            ...(standard === undefined ? {} : { default: standard }),
            ...(most === undefined ? {} : { max: most }),
          },
  }
}

function least(quantities: string[]): string | undefined {
  return quantities.toSorted((a, b) => amountOf(a) - amountOf(b))[0]
}

/** Checksums of the named Secrets, by name; those that are missing or may not be read are left out. */
export async function secretChecksums(
  api: Pick<KubeApi, 'find'>,
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
