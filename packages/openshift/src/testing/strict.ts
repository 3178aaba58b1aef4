import * as k8s from '@kubernetes/client-node'
import { z } from 'zod'
import type { KubeObject } from '@copr/kube-client/kube-object'

interface Attribute {
  baseName: string
  type: string
}
interface Model {
  getAttributeTypeMap(): Attribute[]
}

const models = k8s as unknown as Record<string, Model | undefined>

/** Lists the fields of an object that its kind does not have or whose type is wrong: `spec.replica: unknown`. */
export function faultsOf(object: KubeObject): string[] {
  const { apiVersion, kind } = object
  const schema = CUSTOM[`${apiVersion} ${kind}`]
  if (schema) {
    const parsed = schema.safeParse(object)
    return parsed.success ? [] : [z.prettifyError(parsed.error)]
  }
  const version = apiVersion.split('/').at(-1) ?? ''
  const name = `${version[0]?.toUpperCase()}${version.slice(1)}${kind}`
  if (!models[name]) return [`${name}: there is no such kind`]
  return walk(object, name, '')
}

function walk(value: unknown, type: string, path: string): string[] {
  const list = /^Array<(.+)>$/.exec(type)?.[1]
  if (list)
    return Array.isArray(value)
      ? value.flatMap((each, index) => walk(each, list, `${path}[${index}]`))
      : [`${path}: not a list`]
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1]
  if (map)
    return isRecord(value)
      ? Object.entries(value).flatMap(([key, each]) => walk(each, map, `${path}.${key}`))
      : [`${path}: not a map`]
  const model = models[type]
  if (!model?.getAttributeTypeMap) return scalarFault(value, type, path)
  if (!isRecord(value)) return [`${path}: not a ${type}`]
  const known = new Map(model.getAttributeTypeMap().map((each) => [each.baseName, each.type]))
  return Object.entries(value).flatMap(([key, each]) => {
    const of = known.get(key)
    const at = path === '' ? key : `${path}.${key}`
    if (of === undefined) return [`${at}: unknown`]
    return each === undefined ? [`${at}: undefined`] : walk(each, of, at)
  })
}

function scalarFault(value: unknown, type: string, path: string): string[] {
  const right: Record<string, boolean> = {
    string: typeof value === 'string',
    number: typeof value === 'number',
    boolean: typeof value === 'boolean',
    IntOrString: typeof value === 'number' || typeof value === 'string',
    any: true,
  }
  if (!(type in right)) return [`${path}: cannot judge a ${type}`]
  return right[type] ? [] : [`${path}: not a ${type}: ${JSON.stringify(value)}`]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const Meta = z.strictObject({
  name: z.string(),
  namespace: z.string(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()).optional(),
})
const custom = (apiVersion: string, kind: string, spec: z.ZodType) =>
  z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata: Meta, spec })

/**
 * Schemas of custom resources, modeled on their definitions (CRDs). A test also validates objects on a real API server with these
 * definitions.
 */
const CUSTOM: Record<string, z.ZodType> = {
  'route.openshift.io/v1 Route': custom(
    'route.openshift.io/v1',
    'Route',
    z
      .strictObject({
        host: z.string().optional(),
        subdomain: z.string().optional(),
        path: z.string().startsWith('/'),
        to: z.strictObject({ kind: z.literal('Service'), name: z.string() }),
        port: z.strictObject({ targetPort: z.string() }),
        tls: z.strictObject({
          termination: z.enum(['edge', 'reencrypt', 'passthrough']),
          insecureEdgeTerminationPolicy: z.enum(['Redirect', 'None', 'Allow']),
          externalCertificate: z.strictObject({ name: z.string() }).optional(),
        }),
      })
      .refine(({ host, subdomain }) => (host === undefined) !== (subdomain === undefined)),
  ),
  'objectbucket.io/v1alpha1 ObjectBucketClaim': custom(
    'objectbucket.io/v1alpha1',
    'ObjectBucketClaim',
    z.strictObject({ generateBucketName: z.string(), storageClassName: z.string() }),
  ),
  'gateway.networking.k8s.io/v1 HTTPRoute': custom(
    'gateway.networking.k8s.io/v1',
    'HTTPRoute',
    z.strictObject({
      parentRefs: z.array(z.strictObject({ name: z.string(), namespace: z.string() })),
      hostnames: z.array(z.string()),
      rules: z.array(
        z.strictObject({
          matches: z.array(
            z.strictObject({
              path: z.strictObject({ type: z.literal('PathPrefix'), value: z.string() }),
            }),
          ),
          backendRefs: z.array(z.strictObject({ name: z.string(), port: z.number() })),
          timeouts: z.strictObject({ request: z.string().regex(/^\d+s$/) }),
        }),
      ),
    }),
  ),
  'gateway.networking.k8s.io/v1 BackendTLSPolicy': custom(
    'gateway.networking.k8s.io/v1',
    'BackendTLSPolicy',
    z.strictObject({
      targetRefs: z.array(
        z.strictObject({
          group: z.literal(''),
          kind: z.literal('Service'),
          name: z.string(),
          sectionName: z.string(),
        }),
      ),
      validation: z.strictObject({
        hostname: z.string(),
        caCertificateRefs: z.array(
          z.strictObject({ group: z.literal(''), kind: z.literal('ConfigMap'), name: z.string() }),
        ),
      }),
    }),
  ),
  'cert-manager.io/v1 Certificate': custom(
    'cert-manager.io/v1',
    'Certificate',
    z.strictObject({
      secretName: z.string(),
      dnsNames: z.array(z.string()),
      privateKey: z.strictObject({ rotationPolicy: z.literal('Always') }),
      issuerRef: z.strictObject({ name: z.string(), kind: z.enum(['Issuer', 'ClusterIssuer']) }),
    }),
  ),
  'monitoring.coreos.com/v1 ServiceMonitor': custom(
    'monitoring.coreos.com/v1',
    'ServiceMonitor',
    z.strictObject({
      selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }),
      endpoints: z.array(
        z.strictObject({ port: z.string(), path: z.string(), interval: z.string() }),
      ),
    }),
  ),
  'monitoring.coreos.com/v1 PrometheusRule': custom(
    'monitoring.coreos.com/v1',
    'PrometheusRule',
    z.strictObject({
      groups: z.array(
        z.strictObject({
          name: z.string(),
          rules: z.array(
            z.strictObject({
              alert: z.string().regex(/^[A-Z][A-Za-z]+$/),
              expr: z.string(),
              for: z.string().regex(/^\d+m$/),
              labels: z.record(z.string(), z.string()),
              annotations: z.record(z.string(), z.string()),
            }),
          ),
        }),
      ),
    }),
  ),
  'postgresql.cnpg.io/v1 Cluster': custom(
    'postgresql.cnpg.io/v1',
    'Cluster',
    z.strictObject({
      instances: z.number(),
      storage: z.strictObject({ size: z.string(), storageClass: z.string().optional() }),
      resources: z.unknown(),
      bootstrap: z.strictObject({
        initdb: z.strictObject({
          database: z.string(),
          owner: z.string(),
          dataChecksums: z.boolean(),
        }),
      }),
      postgresql: z.strictObject({ parameters: z.record(z.string(), z.string()) }),
    }),
  ),
  'postgres-operator.crunchydata.com/v1beta1 PostgresCluster': custom(
    'postgres-operator.crunchydata.com/v1beta1',
    'PostgresCluster',
    z.strictObject({
      postgresVersion: z.number(),
      users: z.array(z.strictObject({ name: z.string(), databases: z.array(z.string()) })),
      instances: z.array(
        z.strictObject({
          name: z.string(),
          replicas: z.number(),
          resources: z.unknown(),
          dataVolumeClaimSpec: z.unknown(),
        }),
      ),
      backups: z.strictObject({ pgbackrest: z.unknown() }),
    }),
  ),
}
