import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { CoprError } from '@copr/process/errors'
import { mayI } from '@copr/kube-client/access-review'
import { ifAllowed, type KubeApi, KubeError } from '@copr/kube-client/kube-api'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { collectionPath, objectPath } from '@copr/kube-client/kinds'
import { meta } from '../render/render-context.ts'

const GROUP = 'coordination.k8s.io'
const NAME = 'coprctl'
/** A holder that has not renewed its Lease for this long loses the lock. */
const DURATION_MS = 20_000
const RENEW_MS = 5_000

export interface DeployLockOptions {
  namespace: string
  /** How long to wait until another holder releases the lock. */
  timeout_ms: number
  poll_ms: number
  stop: AbortSignal
  /** Called once for each holder that this process waits for. */
  tell: (why: string) => void
  /** The verb after "Cannot" in messages; default: deploy. */
  verb?: string
  duration_ms?: number
}

/** A lock that keeps others from deploying into the namespace, and from removing the deployment. */
export interface DeployLock extends AsyncDisposable {
  /** Aborted when the lock is lost or the caller stops the deployment. */
  stop: AbortSignal
  /** Throws if the lock is lost. */
  require(): void
}

interface Spec {
  holderIdentity?: string
  acquireTime?: string
  renewTime?: string
}

/**
 * Acquires the lock, a Lease; if another holder has it, waits for its release. A holder is considered dead when its Lease has not changed
 * for `duration_ms`, so clocks need not be synchronized. If this user has no right to create, update and delete Leases, reports that and
 * returns a lock that excludes nobody.
 */
export async function acquireDeployLock(
  api: KubeApi,
  options: DeployLockOptions,
): Promise<DeployLock> {
  const { namespace, timeout_ms, poll_ms, stop, tell, verb = 'deploy' } = options
  const { duration_ms = DURATION_MS } = options
  for (const right of ['create', 'update', 'delete'])
    if (!(await mayI(api, { group: GROUP, resource: 'leases', verb: right, namespace }))) {
      tell(
        `nobody: you may not ${right} leases.${GROUP}, so nothing keeps others from deploying at the same time`,
      )
      return { stop, require: () => undefined, [Symbol.asyncDispose]: async () => undefined }
    }
  const holder = `${await whoAmI(api)} on ${hostname()}, process ${process.pid}`
  const began = performance.now()
  let seen = { version: '', at: 0, holder: '' }
  for (;;) {
    const lease = await find(api, namespace)
    const version = lease?.metadata.resourceVersion ?? ''
    const spec = (lease?.['spec'] ?? {}) as Spec
    if (version !== seen.version) seen = { ...seen, version, at: performance.now() }
    const isGone = !spec.holderIdentity || performance.now() - seen.at > duration_ms
    const held = isGone
      ? await hold(api, leaseOf(namespace, { holder, duration_ms, before: lease }))
      : undefined
    if (held) return keep(api, held, { stop, duration_ms, verb })
    const { holderIdentity: other = '', acquireTime = '' } = spec
    if (other && other !== seen.holder) tell(`${other}, deploying since ${acquireTime}`)
    seen.holder = other
    if (performance.now() - began > timeout_ms)
      throw new CoprError(
        'conflict',
        `Cannot ${verb}: ${other} has been deploying into ${namespace} since ${acquireTime}\n    try: the same again when that has finished; if nobody is deploying, kubectl -n ${namespace} delete lease ${NAME}`,
      )
    await sleep(poll_ms, undefined, { signal: stop })
  }
}

function holderOf(lease: KubeObject): string | undefined {
  return (lease['spec'] as Spec | undefined)?.holderIdentity
}

function find(api: KubeApi, namespace: string): Promise<KubeObject | undefined> {
  return api.find({ apiVersion: `${GROUP}/v1`, kind: 'Lease', metadata: { name: NAME, namespace } })
}

function leaseOf(
  namespace: string,
  {
    holder,
    duration_ms,
    before,
  }: { holder: string; duration_ms: number; before: KubeObject | undefined },
): KubeObject {
  const now = microTime()
  const version = before?.metadata.resourceVersion
  const leaseDurationSeconds = Math.ceil(duration_ms / 1000)
  return {
    apiVersion: `${GROUP}/v1`,
    kind: 'Lease',
    metadata: {
      ...meta({ namespace }, NAME, { component: 'copr' }),
      ...(version === undefined ? {} : { resourceVersion: version }),
    },
    spec: { holderIdentity: holder, leaseDurationSeconds, acquireTime: now, renewTime: now },
  }
}

/** Writes the Lease; returns undefined if another process changed it first. */
async function hold(api: KubeApi, lease: KubeObject): Promise<KubeObject | undefined> {
  const { apiVersion, kind, metadata } = lease
  const isNew = metadata.resourceVersion === undefined
  try {
    const path = isNew ? collectionPath(apiVersion, kind, metadata.namespace) : objectPath(lease)
    return (await api.request(isNew ? 'POST' : 'PUT', path, lease)) as KubeObject
  } catch (error) {
    if (error instanceof KubeError && (error.code === 409 || error.code === 404)) return undefined
    throw error
  }
}

function keep(
  api: KubeApi,
  first: KubeObject,
  { stop, duration_ms, verb }: { stop: AbortSignal; duration_ms: number; verb: string },
): DeployLock {
  let lease = first
  const lost = new AbortController()
  const ended = new AbortController()
  const renewing = renew()

  async function renew(): Promise<void> {
    let renewed = performance.now()
    while (!ended.signal.aborted) {
      await sleep(Math.min(RENEW_MS, duration_ms / 4), undefined, { signal: ended.signal }).catch(
        () => undefined,
      )
      if (ended.signal.aborted) return
      const spec = { ...(lease['spec'] as Spec), renewTime: microTime() }
      try {
        const next = await hold(api, { ...lease, spec })
        // Either the response was lost, or someone else changed the Lease, for example its labels. In both cases, the holder that the Lease
        // names has the lock.
        const there = next ?? (await find(api, lease.metadata.namespace ?? ''))
        if (!there || holderOf(there) !== holderOf(first)) return lost.abort()
        lease = there
        if (!next) continue
        renewed = performance.now()
      } catch {
        // The API server may be briefly unreachable. Nobody takes over before the Lease expires.
        if (performance.now() - renewed > duration_ms) return lost.abort()
      }
    }
  }

  return {
    stop: AbortSignal.any([stop, lost.signal]),
    require() {
      if (lost.signal.aborted)
        throw new CoprError(
          'conflict',
          `Cannot continue to ${verb}: another deployment has taken the lock\n    try: kubectl -n ${lease.metadata.namespace} get lease ${NAME} -o yaml; then the same again`,
        )
    },
    async [Symbol.asyncDispose]() {
      ended.abort()
      await renewing
      if (lost.signal.aborted) return
      const { uid, resourceVersion } = lease.metadata
      const preconditions = { uid, resourceVersion }
      // If this fails, the Lease expires.
      await api.request('DELETE', objectPath(lease), { preconditions }).catch(() => undefined)
    },
  }
}

async function whoAmI(api: KubeApi): Promise<string> {
  const kind = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const review = (await ifAllowed(api.request('POST', path, kind))) as
    | { status?: { userInfo?: { username?: string } } }
    | undefined
  return review?.status?.userInfo?.username ?? 'somebody'
}

function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z')
}
