import type { V1PodSpec, V1PodStatus, V1SecurityContext, V1Volume } from '@kubernetes/client-node'
import type { KubeObject } from '@copr/kube-client/kube-object'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import { agentConfigOf } from '../../bootstrap/agent-config-of.ts'
import type { StartOrder } from '../provider.ts'
import { ANNOTATIONS, ownerLabels, podName } from './naming.ts'

type Config = PoolConfigOf<'kubernetes'>

export interface Pod extends KubeObject {
  spec?: V1PodSpec
  status?: V1PodStatus
}

/** The agent's command in the builder image. As PID 1, tini reaps the processes that builds leave behind. */
const AGENT = ['/usr/bin/tini', '--', 'node', '/opt/copr/packages/builder/src/main.ts']
/** Directory of the agent's configuration. */
const AGENT_DIR = '/etc/copr-builder'
const SCRATCH_DIR = '/var/lib/copr-builder'
const STATE_DIR = '/run/copr-builder'
/** Seconds that the agent has to return its task after its pod is deleted. */
const GRACE_SECONDS = 30
/** If an agent has not exited by the end of its lifetime, the cluster ends its pod this many seconds later. */
const LIFETIME_MARGIN_SECONDS = 900

/** Capabilities of root in the pod's own user namespace that rpm, dnf and chroot need. */
const ROOT_CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_ADMIN',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_ADMIN',
  'SYS_CHROOT',
]
/**
 * The only capabilities that OpenShift's SCC `nested-container` allows. The builder gets the others in a user namespace that it creates.
 */
const NESTED_CONTAINER = { scc: 'nested-container', capabilities: ['SETUID', 'SETGID'] }

/**
 * Returns the secret with the agent's configuration and single-use token. The secret outlives the pod, to record that the token has been
 * used.
 */
export function secretOf(config: Config, order: StartOrder): KubeObject {
  const { boot } = order
  const agent = agentConfigOf(boot, {
    enroll_token_file: `${AGENT_DIR}/enroll-token`,
    scratch_dir: SCRATCH_DIR,
    state_dir: STATE_DIR,
    at_end: 'exit',
  })
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: metadataOf(config, order),
    stringData: { 'agent.json': JSON.stringify(agent), 'enroll-token': boot.enroll_token },
  }
}

export function podOf(config: Config, order: StartOrder, secret_uid: string): Pod {
  const name = podName(order)
  const metadata = metadataOf(config, order)
  const { host_users, node_selector, tolerations, extra_labels, required_scc } = config
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      labels: { ...extra_labels, ...metadata.labels },
      annotations: {
        ...metadata.annotations,
        // A build cannot be migrated: evicting its pod loses it.
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
        ...(required_scc ? { 'openshift.io/required-scc': required_scc } : {}),
      },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Secret', name, uid: secret_uid }],
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName: config.service_account,
      hostUsers: host_users,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      activeDeadlineSeconds: order.boot.dead_man.lifetime_seconds + LIFETIME_MARGIN_SECONDS,
      nodeSelector: node_selector,
      tolerations,
      ...(config.runtime_class ? { runtimeClassName: config.runtime_class } : {}),
      ...(config.priority_class ? { priorityClassName: config.priority_class } : {}),
      ...(config.image_pull_secret
        ? { imagePullSecrets: [{ name: config.image_pull_secret }] }
        : {}),
      containers: [
        {
          name: 'builder',
          image: config.image,
          command: [...AGENT, `${AGENT_DIR}/agent.json`],
          resources: resourcesOf(config),
          securityContext: securityOf(config),
          volumeMounts: [
            { name: 'agent', mountPath: AGENT_DIR, readOnly: true },
            { name: 'work', mountPath: SCRATCH_DIR },
            { name: 'state', mountPath: STATE_DIR },
          ],
        },
      ],
      volumes: [
        { name: 'agent', secret: { secretName: name, defaultMode: 0o400 } },
        { name: 'state', emptyDir: { sizeLimit: '16Mi' } },
        workVolume(config, metadata.labels),
      ],
    },
  }
}

function metadataOf(config: Config, order: StartOrder) {
  return {
    name: podName(order),
    namespace: config.namespace,
    labels: ownerLabels(order),
    annotations: {
      [ANNOTATIONS.launch_token]: order.launch_token,
      [ANNOTATIONS.machine_name]: order.name,
    },
  }
}

/** Returns resources whose requests equal their limits: a build must not depend on capacity that other pods leave unused. */
function resourcesOf({ cpu, memory, ephemeral_storage, storage_class }: Config) {
  // Storage on a PersistentVolumeClaim does not count against the node's ephemeral storage.
  const disk = storage_class === undefined ? { 'ephemeral-storage': ephemeral_storage } : {}
  const amounts = { cpu, memory, ...disk }
  return { requests: amounts, limits: amounts }
}

function securityOf({ privileged, required_scc }: Config): V1SecurityContext {
  if (privileged) return { privileged: true, runAsUser: 0 }
  const add =
    required_scc === NESTED_CONTAINER.scc ? NESTED_CONTAINER.capabilities : ROOT_CAPABILITIES
  return {
    runAsUser: 0,
    allowPrivilegeEscalation: true,
    capabilities: { drop: ['ALL'], add },
    // Builds create namespaces inside the pod's own and mount a new /proc in them.
    procMount: 'Unmasked',
    seccompProfile: { type: 'Unconfined' },
  }
}

function workVolume(
  { storage_class, ephemeral_storage }: Config,
  labels: Record<string, string>,
): V1Volume {
  if (storage_class === undefined)
    return { name: 'work', emptyDir: { sizeLimit: ephemeral_storage } }
  return {
    name: 'work',
    ephemeral: {
      volumeClaimTemplate: {
        metadata: { labels },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: storage_class,
          resources: { requests: { storage: ephemeral_storage } },
        },
      },
    },
  }
}
