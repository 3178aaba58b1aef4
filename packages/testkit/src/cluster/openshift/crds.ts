import { routeCrd } from './route-crd.ts'
import { anything, boolean, type CrdShape, crd, listOf, object, oneOf, text } from './schema.ts'

const strategy = object({ type: text() }, [], { 'x-kubernetes-preserve-unknown-fields': true })

/** Security context constraints have no spec: their fields are at the top level. */
const scc: CrdShape = {
  group: 'security.openshift.io',
  version: 'v1',
  kind: 'SecurityContextConstraints',
  plural: 'securitycontextconstraints',
  scope: 'Cluster',
  properties: {
    priority: { type: 'integer', format: 'int32', nullable: true },
    allowHostDirVolumePlugin: boolean,
    allowHostIPC: boolean,
    allowHostNetwork: boolean,
    allowHostPID: boolean,
    allowHostPorts: boolean,
    allowPrivilegedContainer: boolean,
    allowPrivilegeEscalation: { ...boolean, nullable: true },
    defaultAllowPrivilegeEscalation: { ...boolean, nullable: true },
    readOnlyRootFilesystem: boolean,
    userNamespaceLevel: oneOf('AllowHostLevel', 'RequirePodLevel'),
    allowedCapabilities: { ...listOf(text()), nullable: true },
    defaultAddCapabilities: { ...listOf(text()), nullable: true },
    requiredDropCapabilities: { ...listOf(text()), nullable: true },
    seccompProfiles: { ...listOf(text()), nullable: true },
    volumes: { ...listOf(text()), nullable: true },
    users: { ...listOf(text()), nullable: true },
    groups: { ...listOf(text()), nullable: true },
    runAsUser: strategy,
    seLinuxContext: strategy,
    fsGroup: strategy,
    supplementalGroups: strategy,
  },
}

const ofSpec = { spec: anything, status: anything }
const consoleLink = object(
  {
    text: text(),
    href: text({ pattern: '^https://' }),
    location: oneOf('ApplicationMenu', 'HelpMenu', 'UserMenu', 'NamespaceDashboard'),
    applicationMenu: object({ section: text(), imageURL: text() }, ['section']),
    namespaceDashboard: object({ namespaces: listOf(text()), namespaceSelector: anything }),
  },
  ['text', 'href', 'location'],
)

/** CRDs of the objects that are read to discover facts about the cluster, and of objects that are only stored. */
const others: CrdShape[] = [
  scc,
  ...(
    ['Ingress', 'Infrastructure', 'Proxy', 'ClusterVersion', 'OAuth', 'Authentication'] as const
  ).map((kind): CrdShape => ({
    group: 'config.openshift.io',
    version: 'v1',
    kind,
    plural: pluralOf(kind),
    scope: 'Cluster',
    properties: ofSpec,
    hasStatus: true,
  })),
  {
    group: 'console.openshift.io',
    version: 'v1',
    kind: 'ConsoleLink',
    plural: 'consolelinks',
    scope: 'Cluster',
    properties: { spec: consoleLink },
    required: ['spec'],
  },
  {
    group: 'image.openshift.io',
    version: 'v1',
    kind: 'ImageStream',
    plural: 'imagestreams',
    properties: ofSpec,
    hasStatus: true,
  },
  {
    group: 'build.openshift.io',
    version: 'v1',
    kind: 'BuildConfig',
    plural: 'buildconfigs',
    properties: ofSpec,
    hasStatus: true,
  },
  {
    group: 'build.openshift.io',
    version: 'v1',
    kind: 'Build',
    plural: 'builds',
    properties: ofSpec,
    hasStatus: true,
  },
]

function pluralOf(kind: string): string {
  const name = kind.toLowerCase()
  if (name === 'proxy') return 'proxies'
  return name.endsWith('s') ? `${name}es` : `${name}s`
}

export const openshiftCrds = [routeCrd, ...others.map(crd)]
