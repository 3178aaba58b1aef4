import { PUBLIC_COMPONENTS, PUBLIC_PATHS, type PublicComponent } from '@copr/contract/public-paths'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { routerMayReadCertificate } from './accounts.ts'
import { hasInnerTls, meta, COMPONENTS, type RenderContext } from './render-context.ts'

/** An upload may send no data while the server processes it, so a router's default timeout of 30 seconds is too short. */
const TIMEOUT = '1h'
const HSTS = 'max-age=31536000'

interface Path {
  name: string
  path: string
  component: PublicComponent
}

/** Returns the paths of the public host and the component that serves each. */
function publicPaths(): Path[] {
  return PUBLIC_COMPONENTS.flatMap((component) =>
    PUBLIC_PATHS[component].map((path) => ({
      component,
      path,
      name: path === '/' ? 'copr' : `copr${path.replaceAll('/', '-')}`,
    })),
  )
}

const RESULTS_PATHS: Path[] = [
  { name: 'copr-results-host', path: '/results', component: 'backend' },
]

/** Returns every host that receives requests, with its paths and the component that serves each. */
function publicHosts({ vars, facts }: RenderContext): { host: string; paths: Path[] }[] {
  const { results_host } = vars.expose
  return [
    { host: facts.host, paths: publicPaths() },
    ...(results_host === undefined ? [] : [{ host: results_host, paths: RESULTS_PATHS }]),
  ]
}

/** Renders the objects that let in requests from outside: Routes, HTTPRoutes or an Ingress. */
export function exposure(context: RenderContext): KubeObject[] {
  const made = certificate(context)
  switch (context.facts.exposure) {
    case 'route':
      return [...made, ...routes(context)]
    case 'gateway':
      return [...httpRoutes(context), ...backendPolicies(context)]
    case 'ingress':
      return [...made, ingress(context)]
  }
}

/** Returns the name of the Secret with the public certificate; undefined if the cluster provides a certificate for the host. */
function publicSecret({ vars }: RenderContext): string | undefined {
  const { certificate: wanted } = vars.expose
  if (wanted === 'cluster') return undefined
  return wanted.startsWith('secret:') ? wanted.slice('secret:'.length) : 'public-tls'
}

function certificate(context: RenderContext): KubeObject[] {
  const [, kind, name] =
    /^(issuer|cluster-issuer):(.+)$/.exec(context.vars.expose.certificate) ?? []
  if (kind === undefined) return []
  return [
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Certificate',
      metadata: meta(context, 'public-tls', { component: 'copr' }),
      spec: {
        secretName: 'public-tls',
        dnsNames: publicHosts(context).map(({ host }) => host),
        privateKey: { rotationPolicy: 'Always' },
        issuerRef: { name, kind: kind === 'issuer' ? 'Issuer' : 'ClusterIssuer' },
      },
    },
  ]
}

function routes(context: RenderContext): KubeObject[] {
  const { facts } = context
  const secret = publicSecret(context)
  const placeOf = (host: string): object =>
    host === facts.host && facts.subdomain !== undefined ? { subdomain: facts.subdomain } : { host }
  const all = publicHosts(context).flatMap(({ host, paths }) =>
    paths.map((each) => ({ ...each, place: placeOf(host) })),
  )
  return [
    ...(secret ? routerMayReadCertificate(context, secret) : []),
    ...all.map(({ name, path, component, place }) => ({
      apiVersion: 'route.openshift.io/v1',
      kind: 'Route',
      metadata: meta(context, name, {
        component,
        annotations: {
          'haproxy.router.openshift.io/timeout': TIMEOUT,
          'haproxy.router.openshift.io/disable_cookies': 'true',
          'haproxy.router.openshift.io/hsts_header': HSTS,
        },
      }),
      spec: {
        ...place,
        path,
        to: { kind: 'Service', name: component },
        port: { targetPort: 'https' },
        tls: {
          termination: 'reencrypt',
          insecureEdgeTerminationPolicy: 'Redirect',
          ...(secret ? { externalCertificate: { name: secret } } : {}),
        },
      },
    })),
  ]
}

function httpRoutes(context: RenderContext): KubeObject[] {
  const { facts } = context
  if (!facts.gateway) throw new Error('The Gateway was not found')
  const { name, namespace } = facts.gateway
  return publicHosts(context).map(({ host, paths }) => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: meta(context, host === facts.host ? 'copr' : 'copr-results-host'),
    spec: {
      parentRefs: [{ name, namespace }],
      hostnames: [host],
      rules: paths.map(({ path, component }) => ({
        matches: [{ path: { type: 'PathPrefix', value: path } }],
        backendRefs: [{ name: component, port: COMPONENTS[component].port }],
        // Uploads and followed logs have no time limit.
        timeouts: { request: '0s' },
      })),
    },
  }))
}

function backendPolicies(context: RenderContext): KubeObject[] {
  if (!hasInnerTls(context)) return []
  return PUBLIC_COMPONENTS.map((component) => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: meta(context, component),
    spec: {
      targetRefs: [{ group: '', kind: 'Service', name: component, sectionName: 'https' }],
      validation: {
        hostname: `${component}.${context.namespace}.svc`,
        caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'internal-ca' }],
      },
    },
  }))
}

function ingress(context: RenderContext): KubeObject {
  const { vars } = context
  const hosts = publicHosts(context)
  const secretName = publicSecret(context)
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: meta(context, 'copr'),
    spec: {
      ...(vars.expose.ingress_class ? { ingressClassName: vars.expose.ingress_class } : {}),
      tls: [{ hosts: hosts.map(({ host }) => host), ...(secretName ? { secretName } : {}) }],
      rules: hosts.map(({ host, paths }) => ({
        host,
        http: {
          paths: paths.map(({ path, component }) => ({
            path,
            pathType: 'Prefix',
            backend: { service: { name: component, port: { number: COMPONENTS[component].port } } },
          })),
        },
      })),
    },
  }
}
