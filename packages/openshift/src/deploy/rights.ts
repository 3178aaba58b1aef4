import { mayI, type Right } from '@copr/kube-client/access-review'
import type { KubeApi } from '@copr/kube-client/kube-api'
import { pluralOf } from '@copr/kube-client/kinds'
import type { ObjectRef } from '@copr/kube-client/kube-object'
import { failure } from './failure-hints.ts'

/** Throws if this user lacks rights, and lists them; called before anything is changed. */
export async function requireRights(
  api: KubeApi,
  refs: ObjectRef[],
  namespace: string,
): Promise<void> {
  const kinds = new Map<string, Omit<Right, 'verb'>>()
  for (const { apiVersion, kind, metadata } of refs) {
    const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
    const resource = pluralOf(kind)
    kinds.set(`${group}/${resource}/${metadata.namespace}`, {
      group,
      resource,
      namespace: metadata.namespace,
    })
  }
  const wanted = [...kinds.values()].flatMap((each) =>
    ['get', 'create', 'patch'].map((verb) => ({ ...each, verb })),
  )
  const allowed = await Promise.all(wanted.map((right) => mayI(api, right)))
  const missing = wanted.filter((_, index) => !allowed[index])
  if (missing.length === 0) return
  const words = [
    ...new Set(
      missing.map(({ group, resource, verb }) => `${verb} ${resource}${group && `.${group}`}`),
    ),
  ]
  throw failure('deploy', [
    {
      sentence: `you lack rights in ${namespace}: ${words.join(', ')}`,
      command: `oc adm policy add-role-to-user admin $(oc whoami) -n ${namespace} (kubectl: create rolebinding copr-admin --clusterrole=admin --user=YOU -n ${namespace}), by an administrator of the cluster`,
    },
  ])
}
