import { amountOf } from '@copr/contract/deployment/quantity'
import { yamlOf } from '../objects/yaml.ts'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { builderNamespace, builderPolicies } from './network-policies.ts'
import { hasPools, labelsOf, meta, type RenderContext } from './render-context.ts'

/** Renders the objects with which resalloc starts machines in clouds or as pods. */
export function builders(context: RenderContext): KubeObject[] {
  const pools: KubeObject[] = hasPools(context)
    ? [
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: meta(context, 'pools', { component: 'resalloc' }),
          data: { 'pools.yaml': yamlOf(context.vars.builders.pools) },
        },
      ]
    : []
  return [...pools, ...(context.vars.builders.pods.enabled ? builderPods(context) : [])]
}

/** Builder pods run users' code: their namespace contains nothing else, and their account has no token. */
function builderPods(context: RenderContext): KubeObject[] {
  const { max, cpu, memory, disk } = context.vars.builders.pods
  const there = { namespace: builderNamespace(context) }
  const rbac = 'rbac.authorization.k8s.io'
  const times = (quantity: string): string => String(amountOf(quantity) * max)
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: there.namespace,
        labels: {
          ...labelsOf(context, 'builders'),
          // Builder pods are privileged, but only within their own user namespace.
          'pod-security.kubernetes.io/enforce': 'privileged',
          'pod-security.kubernetes.io/warn': 'baseline',
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: meta(there, 'builder'),
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: meta(there, 'builders'),
      spec: {
        hard: {
          pods: String(max),
          'requests.cpu': times(cpu),
          'requests.memory': times(memory),
          'requests.storage': times(disk),
          'count/services': '0',
        },
      },
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: meta(there, 'resalloc'),
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['create', 'get', 'list', 'delete'] },
        // Each Secret holds the settings of one pod, with a one-time token.
        {
          apiGroups: [''],
          resources: ['secrets'],
          verbs: ['create', 'get', 'list', 'patch', 'delete'],
        },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: meta(there, 'resalloc'),
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'resalloc' },
      subjects: [{ kind: 'ServiceAccount', name: 'resalloc', namespace: context.namespace }],
    },
    ...builderPolicies(context),
  ]
}
