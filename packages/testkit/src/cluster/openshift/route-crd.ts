import { anything, crd, integer, listOf, object, oneOf, text } from './schema.ts'

const target = object(
  {
    kind: { ...oneOf('Service', ''), default: 'Service' },
    name: text({ minLength: 1 }),
    weight: { ...integer(0, 256), default: 100 },
  },
  ['kind', 'name'],
)

const tls = object(
  {
    termination: oneOf('edge', 'reencrypt', 'passthrough'),
    certificate: text(),
    key: text(),
    caCertificate: text(),
    destinationCACertificate: text(),
    externalCertificate: object({ name: text({ minLength: 1 }) }, ['name']),
    insecureEdgeTerminationPolicy: oneOf('Allow', 'Disable', 'Redirect', 'None', ''),
  },
  ['termination'],
  {
    'x-kubernetes-validations': [
      {
        rule: "!(self.termination == 'passthrough' && has(self.externalCertificate))",
        message: 'externalCertificate does not go with termination passthrough',
      },
      {
        rule: '!(has(self.certificate) && has(self.externalCertificate))',
        message: 'certificate and externalCertificate exclude each other',
      },
      {
        rule: "!(self.termination == 'passthrough' && has(self.insecureEdgeTerminationPolicy) && self.insecureEdgeTerminationPolicy == 'Allow')",
        message: 'insecureEdgeTerminationPolicy Allow does not go with termination passthrough',
      },
    ],
  },
)

const spec = object(
  {
    host: text({ maxLength: 253 }),
    subdomain: text({ maxLength: 253 }),
    path: text({ pattern: '^/' }),
    to: target,
    alternateBackends: { ...listOf(target), maxItems: 3 },
    port: object({ targetPort: { 'x-kubernetes-int-or-string': true } }, ['targetPort']),
    tls,
    wildcardPolicy: { ...oneOf('None', 'Subdomain', ''), default: 'None' },
    httpHeaders: anything,
  },
  ['to'],
  {
    'x-kubernetes-validations': [
      {
        rule: "!(has(self.path) && has(self.tls) && self.tls.termination == 'passthrough')",
        message: 'passthrough termination does not support paths',
      },
    ],
  },
)

const condition = object(
  {
    type: text(),
    status: text(),
    reason: text(),
    message: text(),
    lastTransitionTime: text({ format: 'date-time' }),
  },
  ['type', 'status'],
)

const ingress = object({
  host: text(),
  routerName: text(),
  routerCanonicalHostname: text(),
  wildcardPolicy: text(),
  conditions: listOf(condition),
})

/** The CRD of route.openshift.io/v1: its fields, their constraints, and the rules between fields. */
export const routeCrd = crd({
  group: 'route.openshift.io',
  version: 'v1',
  kind: 'Route',
  plural: 'routes',
  properties: { spec, status: object({ ingress: listOf(ingress) }) },
  required: ['spec'],
  hasStatus: true,
})
