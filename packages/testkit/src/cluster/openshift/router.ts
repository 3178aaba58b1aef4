import { type ControlLoop, startControlLoop } from '../control-loop.ts'
import type { KubeClient, KubeObject } from '../kube-client.ts'

export interface RouterOptions {
  client: KubeClient
  /** The domain of the hosts that the router assigns to Routes that have none. */
  appsDomain: string
  /** Whether the router handles a Route. If false, the Route gets no status at all. */
  watches?: (route: KubeObject) => boolean
}

const NAME = 'default'

interface Verdict {
  admitted: boolean
  reason?: string
  message?: string
}

/** Sets the status of Routes as OpenShift's router does: admitted with a host, or rejected with a reason. */
export function startRouter({ client, appsDomain, watches }: RouterOptions): ControlLoop {
  return startControlLoop({
    client,
    kinds: [
      ['route.openshift.io/v1', 'Route'],
      ['v1', 'Secret'],
      ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
    ],
    step: async () => {
      const routes = await client.list('route.openshift.io/v1', 'Route')
      const claimed = new Map<string, KubeObject>()
      for (const route of routes.toSorted(byAge).filter((each) => watches?.(each) ?? true)) {
        const host = hostOf(route, appsDomain)
        const place = `${host}${route['spec'].path ?? ''}`
        const owner = claimed.get(place)
        const verdict = owner ? takenBy(owner) : await judge(client, route)
        if (!owner) claimed.set(place, route)
        await report(client, route, host, verdict, appsDomain)
      }
      return undefined
    },
  })
}

function byAge(a: KubeObject, b: KubeObject): number {
  const key = ({ metadata }: KubeObject): string =>
    `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`
  return key(a).localeCompare(key(b))
}

function hostOf({ metadata, spec }: KubeObject, appsDomain: string): string {
  return spec.host ?? `${spec.subdomain ?? `${metadata.name}-${metadata.namespace}`}.${appsDomain}`
}

function takenBy({ metadata }: KubeObject): Verdict {
  const message = `route ${metadata.name} in namespace ${metadata.namespace} claims this host already`
  return { admitted: false, reason: 'HostAlreadyClaimed', message }
}

/** Checks that the router may read the Secret that a Route names, and that it contains a certificate. */
async function judge(client: KubeClient, route: KubeObject): Promise<Verdict> {
  const name = route['spec'].tls?.externalCertificate?.name as string | undefined
  if (name === undefined) return { admitted: true }
  const refused = (message: string): Verdict => ({
    admitted: false,
    reason: 'ExternalCertificateValidationFailed',
    message: `spec.tls.externalCertificate: ${message}`,
  })
  const namespace = route.metadata.namespace ?? ''
  for (const verb of ['get', 'list', 'watch'])
    if (!(await mayRouter(client, verb, namespace, name)))
      return refused(`router serviceaccount does not have permission to ${verb} secret ${name}`)
  const secret = await client.find({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
  })
  if (!secret) return refused(`secret ${name} not found`)
  if (secret['type'] !== 'kubernetes.io/tls')
    return refused(`secret ${name} is not of type kubernetes.io/tls`)
  return { admitted: true }
}

async function mayRouter(
  client: KubeClient,
  verb: string,
  namespace: string,
  name: string,
): Promise<boolean> {
  const review = await client.create({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: 'system:serviceaccount:openshift-ingress:router',
      resourceAttributes: { verb, namespace, name, resource: 'secrets' },
    },
  })
  return review['status'].allowed as boolean
}

async function report(
  client: KubeClient,
  route: KubeObject,
  host: string,
  { admitted, reason, message }: Verdict,
  appsDomain: string,
): Promise<void> {
  const before = route['status']?.ingress?.find((each: any) => each.routerName === NAME)
  const known = before?.conditions?.[0]
  const status = admitted ? 'True' : 'False'
  if (known?.status === status && known.reason === reason && before.host === host) return
  const condition = {
    type: 'Admitted',
    status,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    lastTransitionTime: new Date().toISOString(),
  }
  const ingress = {
    host,
    routerName: NAME,
    routerCanonicalHostname: `router-${NAME}.${appsDomain}`,
    wildcardPolicy: route['spec'].wildcardPolicy ?? 'None',
    conditions: [condition],
  }
  await client.patch(route, { status: { ingress: [ingress] } }, 'status')
}
