import { createHash } from 'node:crypto'
import type { Ownership } from '../provider.ts'

const DOMAIN = 'copr.build'
/** Labels that identify the owner; listings select by `installation`. */
export const LABELS = {
  installation: `${DOMAIN}/installation`,
  machine: `${DOMAIN}/machine`,
  pool: `${DOMAIN}/pool`,
} as const

export const ANNOTATIONS = {
  launch_token: `${DOMAIN}/launch-token`,
  machine_name: `${DOMAIN}/machine-name`,
  /** On the secret: the UID of its pod. It shows that the pod existed, even after the pod has been deleted. */
  pod_uid: `${DOMAIN}/pod-uid`,
  /** On the secret: set when its machine is stopped, even if the machine was never started. */
  stopped: `${DOMAIN}/stopped`,
} as const

const LABEL_VALUE = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/
const HASH_CHARS = 12
const NAME_CHARS = 40

/** Returns the string if it is a valid label value, otherwise a hash of it. */
export function labelValue(value: string): string {
  return LABEL_VALUE.test(value) ? value : `x${digestOf(value).slice(0, NAME_CHARS)}`
}

/** Returns the labels of everything that is created for a machine. */
export function ownerLabels({
  installation_id,
  machine_id,
  pool,
}: Ownership): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'copr-builder',
    'app.kubernetes.io/managed-by': 'copr-resalloc',
    [LABELS.installation]: labelValue(installation_id),
    [LABELS.machine]: String(machine_id),
    [LABELS.pool]: labelValue(pool),
  }
}

/**
 * Returns the name of the pod and its secret. The name is derived from the launch token, so that a retried start finds what already exists.
 */
export function podName({
  installation_id,
  launch_token,
  name,
}: {
  installation_id: string
  launch_token: string
  name: string
}): string {
  const readable = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, NAME_CHARS)
    .replaceAll(/^-+|-+$/g, '')
  const digest = digestOf(`${installation_id} ${launch_token}`).slice(0, HASH_CHARS)
  return `${readable || 'builder'}-${digest}`
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
