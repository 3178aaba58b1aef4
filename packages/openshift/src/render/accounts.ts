import type { KubeObject } from '../objects/kube-object.ts'
import { hasPools, meta, type Scene } from './scene.ts'

/** An account for each kind of pod. None has a right in the cluster, but resalloc's where builders are pods. */
export function accounts(scene: Scene): KubeObject[] {
  const names = [
    ...(scene.is_shared ? ['frontend', 'backend'] : ['servers']),
    'distgit',
    'keygen',
    'prepare',
    ...(scene.vars.database.mode === 'embedded' ? ['postgresql'] : []),
    ...(hasPools(scene) ? ['resalloc'] : []),
  ]
  return names.map((name) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: meta(scene, name),
    automountServiceAccountToken: false,
  }))
}

/** Lets the router of OpenShift read the one Secret with the public certificate. */
export function routerMayReadCertificate(scene: Scene, secret: string): KubeObject[] {
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: meta(scene, 'router-certificate'),
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
      metadata: meta(scene, 'router-certificate'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'router-certificate' },
      subjects: [{ kind: 'ServiceAccount', name: 'router', namespace: 'openshift-ingress' }],
    },
  ]
}
