import type { ObjectRef } from './kube-object.ts'

/** The plural names that the API uses for the kinds in a deployment; `WITHOUT_NAMESPACE` lists the cluster-scoped kinds. */
const PLURALS: Record<string, string> = {
  AppliedClusterResourceQuota: 'appliedclusterresourcequotas',
  Certificate: 'certificates',
  Cluster: 'clusters',
  ClusterVersion: 'clusterversions',
  Build: 'builds',
  BuildConfig: 'buildconfigs',
  BackendTLSPolicy: 'backendtlspolicies',
  ConfigMap: 'configmaps',
  Deployment: 'deployments',
  Event: 'events',
  Gateway: 'gateways',
  HTTPRoute: 'httproutes',
  HorizontalPodAutoscaler: 'horizontalpodautoscalers',
  ImageStream: 'imagestreams',
  Infrastructure: 'infrastructures',
  Ingress: 'ingresses',
  Job: 'jobs',
  Lease: 'leases',
  LimitRange: 'limitranges',
  Namespace: 'namespaces',
  Node: 'nodes',
  NetworkPolicy: 'networkpolicies',
  ObjectBucketClaim: 'objectbucketclaims',
  PersistentVolumeClaim: 'persistentvolumeclaims',
  Pod: 'pods',
  PodDisruptionBudget: 'poddisruptionbudgets',
  PostgresCluster: 'postgresclusters',
  PriorityClass: 'priorityclasses',
  PrometheusRule: 'prometheusrules',
  ProjectRequest: 'projectrequests',
  ReplicaSet: 'replicasets',
  ResourceQuota: 'resourcequotas',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  Route: 'routes',
  Secret: 'secrets',
  SelfSubjectAccessReview: 'selfsubjectaccessreviews',
  Service: 'services',
  ServiceAccount: 'serviceaccounts',
  ServiceMonitor: 'servicemonitors',
  StatefulSet: 'statefulsets',
  StorageClass: 'storageclasses',
}
const WITHOUT_NAMESPACE = new Set([
  'ClusterVersion',
  'Infrastructure',
  'Namespace',
  'Node',
  'PriorityClass',
  'ProjectRequest',
  'SelfSubjectAccessReview',
  'StorageClass',
])

export function pluralOf(kind: string): string {
  const plural = PLURALS[kind]
  if (plural === undefined) throw new Error(`Cannot ask for ${kind}: the kind is not in the table`)
  return plural
}

/** Returns the path that lists all objects of a kind. OpenShift's own kind Ingress, which configures the cluster, is cluster-scoped. */
export function collectionPath(apiVersion: string, kind: string, namespace?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const everywhere = WITHOUT_NAMESPACE.has(kind) || namespace === undefined
  const place = everywhere ? '' : `/namespaces/${encodeURIComponent(namespace)}`
  return `${root}${place}/${pluralOf(kind)}`
}

export function objectPath({ apiVersion, kind, metadata }: ObjectRef): string {
  return `${collectionPath(apiVersion, kind, metadata.namespace)}/${encodeURIComponent(metadata.name)}`
}
