import type { KubeObject } from '../kube-client.ts'

const RBAC = 'rbac.authorization.k8s.io'
const ADMISSION = 'admissionregistration.k8s.io/v1'

/**
 * Security context constraints by name. `everybody` is true if all users may use them, and false if they must be granted to a user first.
 */
const CONSTRAINTS = {
  'restricted-v2': { everybody: true },
  'restricted-v3': { everybody: true, userNamespaceLevel: 'RequirePodLevel' },
  'nonroot-v2': { everybody: false },
  'nested-container': { everybody: false, userNamespaceLevel: 'RequirePodLevel' },
  anyuid: { everybody: false },
  privileged: { everybody: false },
} as const

/** The objects that every OpenShift cluster has after its installation. */
export function clusterObjects(appsDomain: string): KubeObject[] {
  return [
    config('Ingress', { domain: appsDomain }, {}),
    config(
      'Infrastructure',
      { platformSpec: { type: 'None' } },
      {
        infrastructureName: 'test',
        controlPlaneTopology: 'SingleReplica',
        infrastructureTopology: 'SingleReplica',
        platform: 'None',
      },
    ),
    config('Proxy', {}, {}),
    {
      ...config(
        'ClusterVersion',
        { clusterID: 'a0000000-0000-4000-8000-000000000000' },
        {},
        'version',
      ),
    },
    ...Object.entries(CONSTRAINTS).flatMap(([name, facts]) => constraint(name, facts)),
    ...routeRights(),
    customHostPolicy(),
    policyBinding('custom-host'),
    constraintsPolicy(),
    policyBinding('constraints'),
  ]
}

function config(
  kind: string,
  spec: Record<string, unknown>,
  status: Record<string, unknown>,
  name = 'cluster',
): KubeObject {
  return { apiVersion: 'config.openshift.io/v1', kind, metadata: { name }, spec, status }
}

function constraint(
  name: string,
  { everybody, userNamespaceLevel }: { everybody: boolean; userNamespaceLevel?: string },
): KubeObject[] {
  const roleName = `system:openshift:scc:${name}`
  const object: KubeObject = {
    apiVersion: 'security.openshift.io/v1',
    kind: 'SecurityContextConstraints',
    metadata: { name },
    allowPrivilegedContainer: name === 'privileged',
    runAsUser: { type: name.startsWith('restricted-v2') ? 'MustRunAsRange' : 'RunAsAny' },
    seLinuxContext: { type: 'MustRunAs' },
    ...(userNamespaceLevel ? { userNamespaceLevel } : {}),
  }
  const role = clusterRole(roleName, [
    {
      apiGroups: ['security.openshift.io'],
      resources: ['securitycontextconstraints'],
      resourceNames: [name],
      verbs: ['use'],
    },
  ])
  const binding: KubeObject = {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: roleName },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: roleName },
    // The authorizer that policies use does not count service accounts as `system:authenticated`.
    subjects: ['system:authenticated', 'system:serviceaccounts'].map((group) => ({
      apiGroup: RBAC,
      kind: 'Group',
      name: group,
    })),
  }
  return everybody ? [object, role, binding] : [object, role]
}

/**
 * Project administrators manage Routes and may choose a Route's host when they create it; changing the host later requires a separate
 * permission.
 */
function routeRights(): KubeObject[] {
  const group = ['route.openshift.io']
  const admin = clusterRole(
    'openshift-aggregate-routes-admin',
    [
      { apiGroups: group, resources: ['routes'], verbs: ['*'] },
      { apiGroups: group, resources: ['routes/status'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: group, resources: ['routes/custom-host'], verbs: ['create'] },
      {
        apiGroups: ['image.openshift.io', 'build.openshift.io'],
        resources: ['imagestreams', 'imagestreams/layers', 'buildconfigs', 'builds'],
        verbs: ['*'],
      },
    ],
    { [`${RBAC}/aggregate-to-admin`]: 'true' },
  )
  const everybody = clusterRole('openshift-config-reader', [
    {
      apiGroups: ['config.openshift.io'],
      resources: ['ingresses', 'infrastructures', 'proxies', 'clusterversions'],
      verbs: ['get', 'list', 'watch'],
    },
  ])
  const puller = clusterRole('system:image-puller', [
    { apiGroups: ['image.openshift.io'], resources: ['imagestreams/layers'], verbs: ['get'] },
  ])
  return [admin, everybody, puller]
}

function clusterRole(
  name: string,
  rules: Record<string, string[]>[],
  labels: Record<string, string> = {},
): KubeObject {
  return { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name, labels }, rules }
}

/** OpenShift's API server requires a separate permission to set or change the host of a Route. */
function customHostPolicy(): KubeObject {
  const may = (verb: string): string =>
    `authorizer.group('route.openshift.io').resource('routes').subresource('custom-host').namespace(request.namespace).check('${verb}').allowed()`
  const same = (field: string): string =>
    `(has(object.spec.${field}) ? object.spec.${field} : '') == (has(oldObject.spec.${field}) ? oldObject.spec.${field} : '')`
  return policy(
    'custom-host',
    { apiGroups: ['route.openshift.io'], apiVersions: ['v1'], resources: ['routes'] },
    [
      {
        expression: `request.operation != 'CREATE' || !has(object.spec.host) || ${may('create')}`,
        message: 'spec.host: you do not have permission to set the host field of the route',
      },
      {
        expression: `request.operation != 'UPDATE' || (${same('host')} && ${same('subdomain')}) || ${may('update')}`,
        message: 'spec.host: field is immutable without the right to update routes/custom-host',
      },
    ],
  )
}

/** Emulates SCC admission as far as it matters here: IDs outside the namespace's range, and constraints required by an annotation. */
function constraintsPolicy(): KubeObject {
  const account =
    "(has(object.spec.serviceAccountName) && object.spec.serviceAccountName != '' ? object.spec.serviceAccountName : 'default')"
  const may = (constraints: string): string =>
    `authorizer.serviceAccount(request.namespace, ${account}).group('security.openshift.io').resource('securitycontextconstraints').namespace(request.namespace).name(${constraints}).check('use').allowed()`
  // An expression may call the authorizer only twice, so each call is in a variable of its own, which is a separate expression.
  const wider = { a: 'nonroot-v2', b: 'nested-container', c: 'anyuid', d: 'privileged' }
  const variables = Object.entries(wider).map(([name, constraints]) => ({
    name,
    expression: may(`'${constraints}'`),
  }))
  const anyId = variables.map(({ name }) => `variables.${name}`).join(' || ')
  const withoutId =
    '(!has(object.spec.securityContext) || (!has(object.spec.securityContext.runAsUser) && !has(object.spec.securityContext.fsGroup))) && object.spec.containers.all(c, !has(c.securityContext) || !has(c.securityContext.runAsUser))'
  const named = "'openshift.io/required-scc'"
  const annotations = 'object.metadata.annotations'
  const pods = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }
  const validations = [
    {
      expression: `request.operation != 'CREATE' || (${withoutId}) || ${anyId}`,
      message:
        'unable to validate against any security context constraint: runAsUser or fsGroup is not in the range of the namespace',
      reason: 'Forbidden',
    },
    {
      expression: `request.operation != 'CREATE' || !has(${annotations}) || !(${named} in ${annotations}) || ${may(`${annotations}[${named}]`)}`,
      message: 'required scc cannot be used by the service account of the pod',
      reason: 'Forbidden',
    },
  ]
  return policy('constraints', pods, validations, variables)
}

function policy(
  name: string,
  rule: Record<string, string[]>,
  validations: { expression: string; message: string; reason?: string }[],
  variables: { name: string; expression: string }[] = [],
): KubeObject {
  return {
    apiVersion: ADMISSION,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: `openshift-${name}` },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [{ ...rule, operations: ['CREATE', 'UPDATE'] }] },
      validations,
      variables,
    },
  }
}

function policyBinding(name: string): KubeObject {
  return {
    apiVersion: ADMISSION,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: `openshift-${name}` },
    spec: { policyName: `openshift-${name}`, validationActions: ['Deny'] },
  }
}
