import { setTimeout as sleep } from 'node:timers/promises'
import { failure, hintFor } from '../deploy/failure-hints.ts'
import { meta } from '../render/render-context.ts'
import { ifAllowed, type KubeApi } from '@copr/kube-client/kube-api'

interface Domain {
  value: string
  from: string
}

const TRIES = 40
const POLL_MS = 250

/** Finds the domain of the cluster's application hosts; if this user may not read it, takes it from the host of a temporary Route. */
export async function appsDomain(api: KubeApi, namespace: string): Promise<Domain> {
  return (await ofIngress(api)) ?? (await ofConsole(api)) ?? (await ofProbe(api, namespace))
}

async function ofIngress(api: KubeApi): Promise<Domain | undefined> {
  const path = '/apis/config.openshift.io/v1/ingresses/cluster'
  const ingress = (await ifAllowed(api.request('GET', path))) as
    | { spec?: { domain?: string; appsDomain?: string } }
    | undefined
  const value = ingress?.spec?.appsDomain || ingress?.spec?.domain
  return value ? { value, from: "the cluster's Ingress configuration" } : undefined
}

/** Reads the domain from the console's address, which every authenticated user may read. */
async function ofConsole(api: KubeApi): Promise<Domain | undefined> {
  const data = await configMapData(api, 'openshift-config-managed', 'console-public')
  const url = data?.['consoleURL']
  const value = url && /^console-openshift-console\.(.+)$/.exec(new URL(url).hostname)?.[1]
  return value ? { value, from: 'the address of the console' } : undefined
}

async function ofProbe(api: KubeApi, namespace: string): Promise<Domain> {
  const name = 'copr-domain'
  const subdomain = `${name}-${namespace}`
  const route = {
    apiVersion: 'route.openshift.io/v1',
    kind: 'Route',
    metadata: meta({ namespace }, name, { component: 'copr' }),
    spec: { subdomain, to: { kind: 'Service', name: 'copr' } },
  }
  await api.createMissing(route)
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      const status = (await api.find(route))?.['status'] as
        | { ingress?: { host?: string }[] }
        | undefined
      const host = status?.ingress?.[0]?.host
      if (host?.startsWith(`${subdomain}.`))
        return { value: host.slice(subdomain.length + 1), from: 'the host that a Route was given' }
      await sleep(POLL_MS)
    }
  } finally {
    await api.remove(route)
  }
  throw failure('deploy', [
    hintFor(`Route ${name}`, 'not admitted: no router gave it a host', namespace),
  ])
}

/** Returns the data of a ConfigMap; undefined if it does not exist or this user may not read it. */
export async function configMapData(
  api: KubeApi,
  namespace: string,
  name: string,
): Promise<Record<string, string> | undefined> {
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } }
  return (await ifAllowed(api.find(ref)))?.['data'] as Record<string, string> | undefined
}
