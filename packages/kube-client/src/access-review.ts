import type { KubeApi } from './kube-api.ts'

export interface Right {
  group: string
  resource: string
  verb: string
  namespace?: string | undefined
}

/** Asks the API server whether this user has a right; changes nothing. */
export async function mayI(api: KubeApi, right: Right): Promise<boolean> {
  const answer = (await api.request(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: right },
    },
  )) as { status?: { allowed?: boolean } }
  return answer.status?.allowed ?? false
}
