import { CoprError } from '@copr/process/errors'
import { KubeError } from '@copr/kube-client/kube-api'
import { nameOf, type ObjectRef } from '@copr/kube-client/kube-object'

/** The cause of a failure in one sentence, and the command that helps. */
export interface FailureHint {
  sentence: string
  command: string
}

/** Maps messages of a cluster to what an administrator can do. The first matching pattern applies. */
const KNOWN: [
  pattern: RegExp,
  tell: (what: string, said: string, namespace: string) => FailureHint,
][] = [
  [
    /exceeded quota|minimum .* usage per|must specify (limits|requests)/i,
    (what, said, namespace) => ({
      sentence: `${what}: the quota of the namespace does not allow it (${said})`,
      command: `kubectl -n ${namespace} describe quota,limitrange; ask for more, or set a smaller profile in vars.yml`,
    }),
  ],
  [
    /ImagePullBackOff|ErrImagePull|InvalidImageName|pull access denied|unauthorized|ImageInspectError/i,
    (what, said, namespace) => ({
      sentence: `${what}: the node cannot pull its image (${said})`,
      command: `kubectl -n ${namespace} create secret docker-registry registry --docker-server=... and images.pull_secret: registry in vars.yml; for a mirror set images.registry`,
    }),
  ],
  [
    /HostAlreadyClaimed|already exposes|already claimed/i,
    (what, said) => ({
      sentence: `${what}: the router did not admit it, because another Route claims this host (${said})`,
      command:
        'oc get routes --all-namespaces | grep HOST; remove the other one, or set expose.host in vars.yml',
    }),
  ],
  [
    /not admitted|no router|NotAdmitted/i,
    (what, said, namespace) => ({
      sentence: `${what}: no router admitted it (${said})`,
      command: `oc -n ${namespace} describe route copr; the host must be below a domain of an ingress controller`,
    }),
  ],
  [
    /no persistent volumes available|no storage class is set|storageclass.* not found|ProvisioningFailed|ExternalProvisioning|unbound immediate|ReadWriteOncePod|waiting for a volume/i,
    (what, said) => ({
      sentence: `${what}: no volume was provisioned (${said})`,
      command: 'kubectl get storageclass; name one in vars.yml as storage.class',
    }),
  ],
  [
    /no bucket yet/i,
    (what, said, namespace) => ({
      sentence: `${what}: the cluster did not create the bucket (${said})`,
      command: `kubectl -n ${namespace} describe objectbucketclaim results; storage.results.s3.bucket_claim.storage_class must be a class of object storage: kubectl get storageclass`,
    }),
  ],
  [
    /404 page not found|could not find the requested resource/i,
    (what, said) => ({
      sentence: `${what}: the cluster does not know this kind of object (${said})`,
      command:
        'kubectl api-resources; install the operator that provides it, or choose another option in vars.yml',
    }),
  ],
  [
    /Insufficient (cpu|memory)|nodes are available|node\(s\)/i,
    (what, said) => ({
      sentence: `${what}: no node has capacity for it (${said})`,
      command:
        'kubectl describe nodes | grep -A6 Allocated; add nodes, or set a smaller profile in vars.yml',
    }),
  ],
  [
    /violates PodSecurity|unable to validate against any security context constraint/i,
    (what, said, namespace) => ({
      sentence: `${what}: a security policy of the cluster refuses the pod (${said})`,
      command: `kubectl get namespace ${namespace} -o yaml; it needs the level restricted, on OpenShift the constraint restricted-v2`,
    }),
  ],
  [
    /CrashLoopBackOff|exit code|Error:/,
    (what, said, namespace) => ({
      sentence: `${what}: the container keeps exiting (${said})`,
      command: `kubectl -n ${namespace} logs ${what.toLowerCase().replace(' ', '/')} --all-containers --previous`,
    }),
  ],
  [
    /cannot (create|get|patch|list|delete|watch)|is forbidden: User/i,
    (what, said, namespace) => ({
      sentence: `${what}: you lack a right (${said})`,
      command: `oc adm policy add-role-to-user admin $(oc whoami) -n ${namespace}, by an administrator of the cluster`,
    }),
  ],
]

export function hintFor(what: string, said: string, namespace: string): FailureHint {
  const known = KNOWN.find(([pattern]) => pattern.test(said))
  if (known) return known[1](what, said, namespace)
  return {
    sentence: `${what}: ${said}`,
    command: `kubectl -n ${namespace} get events --sort-by=.lastTimestamp`,
  }
}

/** Returns the error that ends a deployment; its message lists the reasons and what to do about each. */
export function failure(action: string, hints: FailureHint[]): CoprError {
  const lines = hints.map(({ sentence, command }) => `${sentence}\n    try: ${command}`)
  return new CoprError('conflict', `Cannot ${action}: ${lines.join('\n  ')}`)
}

/** Translates an object's rejection by the API server into a failure with a hint; returns other errors unchanged. */
export function refused(action: string, ref: ObjectRef, error: unknown, namespace: string): Error {
  if (!(error instanceof KubeError)) return error as Error
  return failure(action, [hintFor(nameOf(ref), error.message, namespace)])
}
