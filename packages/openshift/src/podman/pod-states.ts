import type { Readiness } from '../deploy/readiness.ts'
import { INSTANCE_LABEL, type Place, type PodmanPod } from './place.ts'
import type { Podman } from './podman.ts'

export interface PodState {
  name: string
  status: string
  checksum: string
}

/** Lists all pods of a deployment, including those that have exited. */
export async function podStates(
  podman: Podman,
  { namespace }: Pick<Place, 'namespace'>,
): Promise<PodState[]> {
  const filter = ['--filter', `label=${INSTANCE_LABEL}=${namespace}`, '--format', 'json']
  const pods = await podman.json<
    { Name: string; Status: string; Labels: Record<string, string> | null }[] | null
  >(['pod', 'ps', ...filter])
  return (pods ?? []).map(({ Name, Status, Labels }) => ({
    name: Name,
    status: Status,
    checksum: Labels?.['copr/checksum'] ?? '',
  }))
}

/**
 * Whether the deployed pod is up to date: it was created from the same inputs and is running. A pod that runs only once may also have
 * succeeded.
 */
export async function isCurrent(
  podman: Podman,
  pod: PodmanPod,
  states: PodState[],
): Promise<boolean> {
  const state = states.find(({ name }) => name === pod.name)
  const wanted = pod.objects.at(-1)?.metadata.labels?.['copr/checksum']
  if (!state || state.checksum !== wanted) return false
  if (pod.runs === 'always') return state.status === 'Running'
  return (await containersOf(podman, pod.name)).every(
    ({ status, exit_code }) => status === 'running' || exit_code === 0,
  )
}

export interface ContainerState {
  name: string
  status: string
  exit_code: number
  restarts: number
  volumes: string[]
}

interface Inspected {
  Name: string
  RestartCount: number
  IsInfra: boolean
  State: { Status: string; ExitCode: number }
  Mounts: { Type: string; Name?: string }[] | null
}

/** Lists the containers of a pod, except the infra container that holds its network. */
export async function containersOf(podman: Podman, pod: string): Promise<ContainerState[]> {
  const filter = ['--all', '--quiet', '--filter', `pod=${pod}`]
  const ids = (await podman.run(['ps', ...filter])).split('\n').filter((id) => id !== '')
  if (ids.length === 0) return []
  const found = await podman.json<Inspected[]>(['container', 'inspect', ...ids])
  return found
    .filter(({ IsInfra }) => !IsInfra)
    .map(({ Name, RestartCount, State, Mounts }) => ({
      name: Name,
      status: State.Status,
      exit_code: State.ExitCode,
      restarts: RestartCount,
      volumes: (Mounts ?? []).flatMap(({ Type, Name: volume }) =>
        Type === 'volume' && volume !== undefined ? [volume] : [],
      ),
    }))
}

/** A script that checks whether a port responds. It runs in Node, because the image has no shell. */
const ASK = `
const [port, path] = process.argv.slice(1)
const fail = (why) => { console.log(why); process.exit(1) }
if (path) fetch('http://127.0.0.1:' + port + path, { signal: AbortSignal.timeout(5000) })
  .then(async (answer) => { if (!answer.ok) fail((await answer.text()).trim().slice(0, 300)) }, () => fail('it does not respond yet'))
else require('node:net').connect(port, '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => fail('it does not respond yet'))`

/**
 * Returns whether a pod is ready and, if it is not, why. The check runs inside the pod, because the pods of an unprivileged user cannot be
 * reached from outside.
 */
export async function podReadiness(podman: Podman, pod: PodmanPod): Promise<Readiness> {
  const object = `Pod ${pod.name}`
  const waiting = (why: string, hopeless = false): Readiness => ({
    object,
    ready: false,
    why,
    hopeless,
  })
  const containers = await containersOf(podman, pod.name)
  const ready: Readiness = { object, ready: true, why: '', hopeless: false }
  if (containers.length === 0) return waiting('it does not exist')
  const ended = containers.find(({ status }) => status !== 'running')
  if (pod.runs === 'once')
    return ended?.status === 'exited' && ended.exit_code === 0
      ? ready
      : waiting(ended ? await lastLines(podman, ended) : 'it has not finished yet')
  if (ended) return waiting(await lastLines(podman, ended))
  for (const { container, port, path } of pod.checks) {
    const name = `${pod.name}-${container}`
    const ask = [
      'exec',
      name,
      '/usr/local/bin/node',
      '-e',
      ASK,
      String(port),
      ...(path ? [path] : []),
    ]
    const asked = await podman.try(ask, { timeout_ms: 20_000 })
    if (!asked.ok) {
      const words = asked.output.trim().split('\n').at(-1)
      return waiting(`${container}: ${words || 'it does not respond yet'}`)
    }
  }
  return ready
}

/** Returns why a container is not running: its state, its exit code and the last line of its log. */
async function lastLines(podman: Podman, container: ContainerState): Promise<string> {
  const { name, status, exit_code } = container
  const logs = await podman.try(['logs', '--tail', '1', name])
  const line = logs.output.trim().slice(0, 400)
  return `${name}: ${status}, exit code ${exit_code}${line === '' ? '' : `: ${line}`}`
}
