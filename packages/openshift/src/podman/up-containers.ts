import { setTimeout as sleep } from 'node:timers/promises'
import type { Vars } from '@copr/contract/deployment/vars'
import { CoprError } from '@copr/process/errors'
import { secretChecksums } from '../cluster/discover.ts'
import type { Change } from '../deploy/apply.ts'
import type { Readiness } from '../deploy/readiness.ts'
import type { KubeObject, ObjectRef } from '@copr/kube-client/kube-object'
import { yamlOf } from '../objects/yaml.ts'
import { render, secretNames } from '../render/render.ts'
import { makeMissingSecrets } from '../secrets/make-secrets.ts'
import { labelled, type Place, type PodmanPod } from './place.ts'
import { isCurrent, podReadiness, type PodState, podStates } from './pod-states.ts'
import { AGENT_COMMAND, coprctlInside, prepareBuilder } from './podman-builders.ts'
import { builderPod, podmanPods } from './podman-pods.ts'
import { podmanFacts } from './podman-vars.ts'
import type { Podman } from './podman.ts'
import { makeVolume, type SecretVolumes, secretVolumes } from './secret-volumes.ts'

interface ContainersProgress {
  generated(what: string): void
  applied(ref: ObjectRef, change: Change | 'removed'): void
  waiting(readiness: Readiness): void
}

export interface UpContainersOptions {
  /** The vars that `varsForPodman()` returned. */
  vars: Vars
  images: { server: string; postgresql: string; builder: string }
  publish: { host: string; port: number }
  public_url: string
  builders: number
  /** The Secrets that vars.yml names. */
  secrets: KubeObject[]
  /** Whether to create a link even if the administrator already has a password. */
  new_link: boolean
  now: Date
  timeout_ms: number
  poll_ms?: number
  progress: ContainersProgress
  stop: AbortSignal
}

export interface UpContainers {
  url: string
  /** The link with which the administrator sets a password; undefined if there already is one. */
  administrator_url?: string
  changes: number
}

const ADMINISTRATOR = 'admin'

/** Deploys what vars.yml describes on this machine, and waits until it is ready. Idempotent. */
export async function upContainers(
  podman: Podman,
  options: UpContainersOptions,
): Promise<UpContainers> {
  const { vars, images, publish, progress } = options
  const namespace = vars.name
  const subnet = await networkOf(podman, { namespace })
  const place: Place = { namespace, subnet, publish, images }
  const pods = await podsOf(secretVolumes(podman, place), place, options)
  for (const pod of pods)
    for (const volume of pod.data)
      if (!(await podman.try(['volume', 'exists', volume])).ok)
        await makeVolume(podman, place, { volume, keeps: 'data' })
  const before = await podStates(podman, place)
  let changes = 0
  const play = async (pod: PodmanPod): Promise<void> => {
    changes++
    await playPod(podman, place, pod, { states: before, progress })
  }
  for (const pod of pods) if (!(await isCurrent(podman, pod, before))) await play(pod)
  await untilReady(podman, pods, options)

  const inside = async (...args: string[]): Promise<string> =>
    (await coprctlInside(podman, place, pods, args)).trim()
  const administrator_url = await administratorLink(inside, options)
  const builders = Array.from({ length: options.builders }, (_, index) =>
    builderPod(place, index + 1, AGENT_COMMAND),
  )
  for (const pod of builders) {
    if (await isCurrent(podman, pod, before)) continue
    await removePods(podman, [pod.name])
    const enroll_token = await inside('builders', 'enroll', pod.name)
    await prepareBuilder(podman, place, { pod, enroll_token })
    await play(pod)
  }
  await untilEnrolled(inside, builders, options)
  const wanted = new Set([...pods, ...builders].map(({ name }) => name))
  const surplus = before.map(({ name }) => name).filter((name) => !wanted.has(name))
  await removePods(podman, surplus)
  for (const name of surplus) progress.applied(refOf(name), 'removed')
  return {
    url: options.public_url,
    changes: changes + surplus.length,
    ...(administrator_url === undefined ? {} : { administrator_url }),
  }
}

/** Creates the deployment's network if it does not exist; podman chooses a free subnet. Returns the subnet. */
async function networkOf(podman: Podman, place: Pick<Place, 'namespace'>): Promise<string> {
  const { namespace } = place
  if (!(await podman.try(['network', 'exists', namespace])).ok) {
    const labels = Object.entries(labelled(place)).flatMap((each) => ['--label', each.join('=')])
    // The network needs no DNS, because pods reach each other by address.
    await podman.run(['network', 'create', '--disable-dns', ...labels, namespace])
  }
  const found = await podman.json<{ subnets?: { subnet: string }[] }[]>([
    'network',
    'inspect',
    namespace,
  ])
  const subnet = found[0]?.subnets?.[0]?.subnet
  if (subnet === undefined)
    throw new CoprError(
      'conflict',
      `Cannot use the network ${namespace} of podman: it has no subnet\n    try: podman network rm ${namespace}, or another name in vars.yml`,
    )
  return subnet
}

/** Renders the pods, and fills the volumes that they mount. */
async function podsOf(
  store: SecretVolumes,
  place: Place,
  { vars, images, public_url, secrets, now, progress }: UpContainersOptions,
): Promise<PodmanPod[]> {
  const { namespace } = place
  for (const secret of secrets) await store.put(secret)
  const needs = {
    namespace,
    service_ca: false,
    account_tokens: false,
    database: vars.database.mode,
  }
  for (const made of await makeMissingSecrets(store, needs, now)) progress.generated(made)
  const facts = podmanFacts(place, { public_url, images })
  const secret_checksums = await secretChecksums(store, namespace, secretNames(vars))
  const pods = podmanPods(render(vars, { ...facts, secret_checksums }), place)
  for (const given of pods.flatMap((pod) => pod.given)) {
    const missing = await store.provide(given)
    if (missing !== undefined)
      throw new CoprError(
        'not_found',
        `Cannot find ${missing} of the ${given.kind} ${given.name}, which vars.yml names\n    try: --secrets FILE, with the manifest of the ${given.kind}`,
      )
  }
  return pods
}

const refOf = (name: string): ObjectRef => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name } })

async function playPod(
  podman: Podman,
  { namespace }: Place,
  pod: PodmanPod,
  { states, progress }: { states: PodState[]; progress: ContainersProgress },
): Promise<void> {
  const isThere = states.some(({ name }) => name === pod.name)
  if (isThere) await removePods(podman, [pod.name])
  const input = pod.objects.map((object) => `---\n${yamlOf(object)}`).join('')
  const network = ['--network', `${namespace}:ip=${pod.address}`]
  await podman.run(['kube', 'play', '--quiet', ...network, '-'], { input })
  progress.applied(refOf(pod.name), isThere ? 'changed' : 'made')
}

/** Enough time for a builder to requeue its task, and for PostgreSQL to write its data. */
const STOP_SECONDS = 60

export async function removePods(podman: Podman, names: string[]): Promise<void> {
  for (const name of names)
    if ((await podman.try(['pod', 'exists', name])).ok) {
      await podman.run(['pod', 'stop', '--time', String(STOP_SECONDS), name])
      await podman.run(['pod', 'rm', '--force', name])
    }
}

/** Waits until all pods are ready, and reports what each waits for. */
async function untilReady(
  podman: Podman,
  pods: PodmanPod[],
  { timeout_ms, poll_ms = 1000, progress, stop }: UpContainersOptions,
): Promise<void> {
  const began = performance.now()
  const told = new Map<string, string>()
  for (;;) {
    const open = pods.filter(({ name }) => told.get(name) !== 'ready')
    const states = await Promise.all(
      open.map(async ({ name, ...pod }) => {
        const state = await podReadiness(podman, { name, ...pod })
        const words = state.ready ? 'ready' : state.why
        if (told.get(name) !== words) progress.waiting(state)
        told.set(name, words)
        return state
      }),
    )
    const waiting = states.filter(({ ready }) => !ready)
    if (waiting.length === 0) return
    if (performance.now() - began > timeout_ms)
      throw tooLate(waiting.map(({ object, why }) => `${object}: ${why}`))
    await sleep(poll_ms, undefined, { signal: stop })
  }
}

function tooLate(reasons: string[]): CoprError {
  return new CoprError(
    'unavailable',
    `Cannot finish: it takes too long\n${reasons.map((reason) => `  ${reason}`).join('\n')}\n    try: podman pod logs NAME, then make up-containers again`,
  )
}

type Inside = (...args: string[]) => Promise<string>

async function administratorLink(
  inside: Inside,
  { new_link }: UpContainersOptions,
): Promise<string | undefined> {
  const users = JSON.parse(await inside('user', 'list', '--json')) as {
    name: string
    login: string
  }[]
  const known = users.find(({ name }) => name === ADMINISTRATOR)
  if (!known) return linkIn(await inside('user', 'add', ADMINISTRATOR, '--admin', '--json'))
  if (known.login !== 'none' && !new_link) return undefined
  return linkIn(await inside('user', 'link', ADMINISTRATOR, '--json'))
}

function linkIn(json: string): string {
  return (JSON.parse(json) as { login_url: string }).login_url
}

async function untilEnrolled(
  inside: Inside,
  builders: PodmanPod[],
  { timeout_ms, poll_ms = 1000, progress, stop }: UpContainersOptions,
): Promise<void> {
  const began = performance.now()
  const ready = new Set<string>()
  for (;;) {
    const machines = JSON.parse(await inside('builders', 'list', '--json')) as {
      name: string
      state: string
      note: string | null
    }[]
    const waiting: string[] = []
    for (const { name } of builders) {
      const machine = machines.findLast((each) => each.name === name)
      const isReady = machine !== undefined && ['ready', 'busy'].includes(machine.state)
      const why = machine?.note ?? 'it has not enrolled yet'
      if (!isReady) waiting.push(`Pod ${name}: ${why}`)
      else if (!ready.has(name)) {
        ready.add(name)
        progress.waiting({ object: `Pod ${name}`, ready: true, why: '', hopeless: false })
      }
    }
    if (waiting.length === 0) return
    if (performance.now() - began > timeout_ms) throw tooLate(waiting)
    await sleep(poll_ms, undefined, { signal: stop })
  }
}
