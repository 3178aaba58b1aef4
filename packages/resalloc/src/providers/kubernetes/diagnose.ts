import { mayI } from '@copr/kube-client/access-review'
import type { KubeApi } from '@copr/kube-client/kube-api'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import type { Finding, Ownership, StartFailure, StartOrder } from '../provider.ts'
import { failureOf } from './failures.ts'
import { podOf } from './pod.ts'

/** The manager's verbs on pods and secrets; keep in sync with the role in docs/kubernetes-pools.md. */
const RIGHTS = [
  { resource: 'pods', verbs: ['create', 'get', 'list', 'delete'] },
  { resource: 'secrets', verbs: ['create', 'get', 'list', 'patch', 'delete'] },
]

/** Checks permissions and admission in the cluster without creating anything. */
export async function diagnose(
  api: KubeApi,
  config: PoolConfigOf<'kubernetes'>,
  owner: Omit<Ownership, 'machine_id'>,
): Promise<Finding[]> {
  const rights = await Promise.all(
    RIGHTS.flatMap(({ resource, verbs }) =>
      verbs.map(
        async (verb) => await mayFinding(api, { namespace: config.namespace, resource, verb }),
      ),
    ),
  )
  const [first] = rights
  // If all checks failed for the same reason, the cluster could not be queried at all.
  if (first?.problem !== undefined && rights.every(({ problem }) => problem === first.problem))
    return [{ subject: 'cluster', problem: first.problem }]
  return [...rights, await podFinding(api, config, owner)]
}

async function mayFinding(
  api: KubeApi,
  right: { namespace: string; resource: string; verb: string },
): Promise<Finding> {
  const { namespace, resource, verb } = right
  const subject = `${verb} ${resource} in ${namespace}`
  try {
    if (await mayI(api, { group: '', ...right })) return { subject }
    return {
      subject,
      problem: `This account is not allowed to ${verb} ${resource} in the namespace ${namespace}: give it a role that allows this`,
    }
  } catch (error) {
    return { subject, problem: helped(error, namespace) }
  }
}

/** Returns the cluster's error message and what the administrator can do about it. */
function helped(error: unknown, namespace: string): string {
  const { failure, message } = failureOf(error)
  return `${message}; ${HELP[failure](namespace)}`
}

const HELP: Readonly<Record<StartFailure, (namespace: string) => string>> = {
  permission: (namespace) =>
    `give the account a valid token and, in the namespace ${namespace}, the role in docs/kubernetes-pools.md`,
  quota: (namespace) => `raise the ResourceQuota of ${namespace}, or request less in pools.yaml`,
  configuration: (namespace) =>
    `check that the namespace ${namespace} exists and admits such pods, or correct the pool in pools.yaml`,
  no_capacity: () => 'retry',
  throttled: () => 'retry in a minute',
  token_spent: () => 'retry',
  unknown: () => 'check that this host can reach the API server',
}

/** Checks with a dry run whether quotas, Pod Security and SCCs would admit a pod of this pool. */
async function podFinding(
  api: KubeApi,
  config: PoolConfigOf<'kubernetes'>,
  owner: Omit<Ownership, 'machine_id'>,
): Promise<Finding> {
  const subject = `a builder pod in ${config.namespace}`
  const order: StartOrder = {
    ...owner,
    machine_id: 0,
    name: 'diagnosis',
    offering: { name: 'pod', price_per_hour: 0 },
    launch_token: 'diagnosis',
    id_in_pool: 0,
    counters: {},
    boot: {
      enroll_token: '',
      gateway_url: 'https://localhost',
      name: 'diagnosis',
      arches: [],
      tags: [],
      agent: { sha256: '', node_sha256: {} },
      dead_man: { enroll_seconds: 60, silence_seconds: 60, lifetime_seconds: 60 },
    },
  }
  const pod = podOf(config, order, '00000000-0000-0000-0000-000000000000')
  try {
    await api.createMissing(pod, { dryRun: true })
    return { subject }
  } catch (error) {
    return { subject, problem: helped(error, config.namespace) }
  }
}
