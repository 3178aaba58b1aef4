import { createHash, randomBytes } from 'node:crypto'
import { CoprError } from '@copr/process/errors'
import { VERSION } from '@copr/process/version'
import { discover, type Finding, flavourOf, secretChecksums } from '../cluster/discover.ts'
import type { KubeApi } from '@copr/kube-client/kube-api'
import type { ReadVars } from '../configuration/read-vars.ts'
import { type KubeObject, keyOf, type ObjectRef } from '@copr/kube-client/kube-object'
import type { Facts } from '../render/facts.ts'
import { render, secretNames } from '../render/render.ts'
import { secretObject } from '../secrets/generated-secrets.ts'
import { makeMissingSecrets } from '../secrets/make-secrets.ts'
import { applyAll, type Change, prune } from './apply.ts'
import { requireNamespace } from './namespace.ts'
import type { Readiness } from './readiness.ts'
import { requireRights } from './rights.ts'
import { requireQuota } from './quota-check.ts'
import { readState, refOf, type State, writeState } from './state.ts'
import { acquireDeployLock } from './deploy-lock.ts'
import { waitUntilReady } from './wait.ts'

const LINK_DAYS = 1
const DAY_MS = 86_400_000

/** Receives the steps of a deployment while it runs. */
export interface Progress {
  found(finding: Finding): void
  generated(what: string): void
  applied(ref: ObjectRef, change: Change | 'removed'): void
  waiting(readiness: Readiness): void
  /** Called when another deployment holds the lock, with a description of its holder. */
  blocked(why: string): void
}

export interface DeployOptions {
  read: ReadVars
  images: Facts['images']
  now: Date
  progress: Progress
  /** Throws if the deployed version must not be replaced; called once this process holds the lock. */
  allow?: (before: State | undefined) => void
  /** Creates a new link for the administrator, and invalidates the previous one. */
  new_link?: boolean
  timeout_ms: number
  poll_ms?: number
  stop: AbortSignal
}

export interface Deployed {
  url: string
  /** The administrator's login link, only if this deployment created it. It cannot be shown again, because only its hash is stored. */
  administrator_url?: string
  changes: number
}

/** Deploys what vars.yml describes, and waits until it is ready. Idempotent. */
export async function deploy(api: KubeApi, options: DeployOptions): Promise<Deployed> {
  const { read, progress, timeout_ms, poll_ms = 1000 } = options
  const namespace = read.vars.name
  requireCluster(api, read)
  const { groups } = await flavourOf(api)
  if (await requireNamespace(api, namespace, { hasProjects: groups.has('project.openshift.io') }))
    progress.generated(`Namespace ${namespace}`)
  const tell = progress.blocked.bind(progress)
  const { stop } = options
  await using lock = await acquireDeployLock(api, { namespace, timeout_ms, poll_ms, stop, tell })
  try {
    return await deployAlone(api, { ...options, stop: lock.stop })
  } finally {
    // If the lock was lost, that error replaces any other one, because it is the cause.
    lock.require()
  }
}

async function deployAlone(api: KubeApi, options: DeployOptions): Promise<Deployed> {
  const { read, images, now, progress, stop } = options
  const { vars, secrets } = read
  const namespace = vars.name
  const before = await readState(api, namespace)
  options.allow?.(before)
  const { facts: found, findings } = await discover(api, vars, before)
  for (const finding of findings) progress.found(finding)
  const link = linkOf(before, { now, renew: options.new_link ?? false })
  const names = secretNames(vars)
  // The draft has the checksums of the existing Secrets. Without them, existing objects would look changed.
  const known = await secretChecksums(api, namespace, names)
  const draft = { ...found, images, administrator_link: link.stored, secret_checksums: known }
  const planned = render(vars, draft)
  await requireRights(api, [...planned, ...besides(namespace)], namespace)
  await requireQuota(api, planned, namespace)

  const needs = {
    namespace,
    service_ca: found.service_ca,
    account_tokens: true,
    database: vars.database.mode,
  }
  for (const made of await makeMissingSecrets(api, needs, now)) progress.generated(made)
  let changes = 0
  const tell = (ref: ObjectRef, change: Change): void => {
    if (change !== 'unchanged') changes++
    progress.applied(ref, change)
  }
  const given = secrets.aws
    ? [secretObject(namespace, { name: 'cloud-aws', data: secrets.aws })]
    : []
  await applyAll(api, given, { namespace, tell, stop })
  const facts = { ...draft, secret_checksums: await secretChecksums(api, namespace, names) }
  const objects = render(vars, facts)
  const state = stateOf(objects, { facts, link: link.stored })
  // The state is written before the objects are applied, so that if this deployment fails, the next one also prunes what this one created.
  await writeState(api, namespace, {
    ...state,
    inventory: united(state.inventory, before?.inventory),
  })
  await applyAll(api, objects, { namespace, tell, stop })
  const { timeout_ms, poll_ms = 1000 } = options
  await waitUntilReady(api, objects.map(refOf), {
    namespace,
    timeout_ms,
    poll_ms,
    tell: (readiness) => progress.waiting(readiness),
    stop,
  })
  await prune(api, before?.inventory ?? [], objects, (ref) => {
    changes++
    progress.applied(ref, 'removed')
  })
  await writeState(api, namespace, state)
  const url = `https://${facts.host}`
  return {
    url,
    changes,
    ...(link.secret === undefined ? {} : { administrator_url: `${url}/login/link/${link.secret}` }),
  }
}

/** The inputs for inspecting a deployment without changing it. */
export interface LookOptions {
  read: ReadVars
  /** Chooses the images to render. `deployed` contains those of the last deployment; undefined if nothing is deployed. */
  images: (deployed: State['images'] | undefined) => Facts['images']
}

/** Renders the objects that a deployment would apply now, for `status` and `undeploy`; changes nothing. Throws if nothing is deployed. */
export async function currentObjects(
  api: KubeApi,
  options: LookOptions,
): Promise<{ objects: KubeObject[]; state: State; facts: Facts }> {
  const { read } = options
  requireCluster(api, read)
  const state = await requireState(api, read.vars.name)
  return { ...(await plannedObjects(api, options, state)), state }
}

/** Renders the objects that a deployment would apply now. Also works if nothing is deployed yet. */
export async function plannedObjects(
  api: KubeApi,
  { read: { vars }, images }: LookOptions,
  state: State | undefined,
): Promise<{ objects: KubeObject[]; facts: Facts }> {
  const { facts: found } = await discover(api, vars, state)
  const facts = {
    ...found,
    images: images(state?.images),
    administrator_link: state?.administrator_link,
    secret_checksums: await secretChecksums(api, vars.name, secretNames(vars)),
  }
  return { objects: render(vars, facts), facts }
}

export async function requireState(api: KubeApi, namespace: string): Promise<State> {
  const state = await readState(api, namespace)
  if (!state)
    throw new CoprError(
      'not_found',
      `Cannot find a deployment in the namespace ${namespace} of ${api.server}\n    try: coprctl deploy`,
    )
  return state
}

export function requireCluster(api: KubeApi, { vars }: ReadVars): void {
  const wanted = vars.cluster.api
  if (wanted === undefined || sameAddress(wanted, api.server)) return
  throw new CoprError(
    'conflict',
    `Cannot deploy: you are logged in to ${api.server}, but cluster.api is ${wanted}\n    try: oc login ${wanted}`,
  )
}

function sameAddress(a: string, b: string): boolean {
  const [one, other] = [new URL(a), new URL(b)]
  return one.host === other.host && one.protocol === other.protocol
}

/** Objects that a deployment writes but does not render. */
const besides = (namespace: string): ObjectRef[] => [
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: '', namespace } },
]

function linkOf(
  before: State | undefined,
  { now, renew }: { now: Date; renew: boolean },
): { stored: State['administrator_link']; secret?: string } {
  if (before && !renew) return { stored: before.administrator_link }
  const secret = randomBytes(32).toString('base64url')
  const sha256 = createHash('sha256').update(secret).digest('hex')
  return {
    secret,
    stored: { sha256, expires: new Date(now.getTime() + LINK_DAYS * DAY_MS).toISOString() },
  }
}

function stateOf(
  objects: KubeObject[],
  { facts, link }: { facts: Facts; link: State['administrator_link'] },
): State {
  return {
    version: VERSION,
    host: facts.host,
    ...(facts.subdomain === undefined ? {} : { subdomain: facts.subdomain }),
    images: facts.images,
    ...(link ? { administrator_link: link } : {}),
    inventory: objects.map(refOf),
  }
}

function united(now: ObjectRef[], before: ObjectRef[] = []): ObjectRef[] {
  const known = new Set(now.map(keyOf))
  return [...now, ...before.filter((ref) => !known.has(keyOf(ref)))]
}
