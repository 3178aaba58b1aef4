import { ifAllowed, type KubeApi, KubeError } from '@copr/kube-client/kube-api'
import { failure } from './failure-hints.ts'

/** Creates the namespace if it does not exist; if the cluster has Projects, creates it as a Project. Returns false if it existed. */
export async function requireNamespace(
  api: KubeApi,
  name: string,
  { hasProjects }: { hasProjects: boolean },
): Promise<boolean> {
  const ref = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
  if (await ifAllowed(api.find(ref))) return false
  try {
    if (hasProjects)
      await api.request('POST', '/apis/project.openshift.io/v1/projectrequests', {
        apiVersion: 'project.openshift.io/v1',
        kind: 'ProjectRequest',
        metadata: { name },
        displayName: 'Copr',
      })
    else await api.createMissing({ ...ref, metadata: { name, labels: RESTRICTED } })
    return true
  } catch (error) {
    if (error instanceof KubeError && error.reason === 'AlreadyExists') return false
    if (!(error instanceof KubeError) || error.code !== 403) throw error
    throw failure('deploy', [
      {
        sentence: `the namespace ${name} does not exist or is not visible to you, and you cannot create one`,
        command: `oc new-project ${name}, or: kubectl create namespace ${name}, by an administrator of the cluster, who also makes you its admin`,
      },
    ])
  }
}

/** The strictest Pod Security level. All pods of a deployment comply with it. */
const RESTRICTED = {
  'pod-security.kubernetes.io/enforce': 'restricted',
  'app.kubernetes.io/part-of': 'copr',
}
