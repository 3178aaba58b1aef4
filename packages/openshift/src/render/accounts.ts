import type { KubeObject } from '@copr/kube-client/kube-object'
import { hasPools, meta, type RenderContext } from './render-context.ts'

/**
 * Renders a service account for each kind of pod. None of them has rights in the cluster, except the one of resalloc if builders are pods.
 */
export function accounts(context: RenderContext): KubeObject[] {
  const names = [
    ...(context.is_shared ? ['frontend', 'backend'] : ['servers']),
    'distgit',
    'keygen',
    'prepare',
    ...(context.vars.database.mode === 'embedded' ? ['postgresql'] : []),
    ...(hasPools(context) ? ['resalloc'] : []),
  ]
  return names.map((name) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: meta(context, name),
    automountServiceAccountToken: false,
  }))
}

/** Lets OpenShift's router read the Secret with the public certificate, and no other Secret. */
export function routerMayReadCertificate(context: RenderContext, secret: string): KubeObject[] {
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: meta(context, 'router-certificate'),
      rules: [
        {
          apiGroups: [''],
          resources: ['secrets'],
          resourceNames: [secret],
          verbs: ['get', 'list', 'watch'],
        },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: meta(context, 'router-certificate'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'router-certificate' },
      subjects: [{ kind: 'ServiceAccount', name: 'router', namespace: 'openshift-ingress' }],
    },
  ]
}
