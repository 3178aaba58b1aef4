import { INSTANCE_LABEL, type Place } from './place.ts'
import { containersOf, podStates } from './pod-states.ts'
import type { Podman } from './podman.ts'
import { removePods } from './up-containers.ts'

export interface DownContainers {
  pods: string[]
  /** Volumes that were kept because they contain data or secrets. */
  kept: string[]
  removed: string[]
}

/** Stops and removes all pods of a deployment. Volumes with data and secrets are kept unless `volumes` is set. */
export async function downContainers(
  podman: Podman,
  place: Pick<Place, 'namespace'>,
  { volumes, onEnding }: { volumes: boolean; onEnding: (pod: string) => void },
): Promise<DownContainers> {
  const { namespace } = place
  const states = await podStates(podman, place)
  // Builders are stopped first, so that they can requeue their tasks while the servers still respond.
  const isBuilder = (name: string): boolean => name.startsWith(`${namespace}-builder-`)
  const pods = states
    .map(({ name }) => name)
    .toSorted((a, b) => Number(isBuilder(b)) - Number(isBuilder(a)))
  const mounted = new Set<string>()
  for (const pod of pods)
    for (const container of await containersOf(podman, pod))
      for (const volume of container.volumes) mounted.add(volume)
  for (const pod of pods) {
    onEnding(pod)
    await removePods(podman, [pod])
  }
  const all = await volumesOf(podman, namespace)
  const keeps = all.filter(({ keeps }) => keeps === 'data' || keeps === 'secret')
  const kept = volumes ? [] : keeps.map(({ name }) => name)
  const spent = new Set([...mounted, ...all.map(({ name }) => name)]).difference(new Set(kept))
  const removed: string[] = []
  for (const volume of spent)
    // Some volumes were removed with their pods.
    if ((await podman.try(['volume', 'exists', volume])).ok) {
      await podman.run(['volume', 'rm', '--force', volume])
      removed.push(volume)
    }
  if ((await podman.try(['network', 'exists', namespace])).ok)
    await podman.run(['network', 'rm', namespace])
  return { pods, kept, removed }
}

async function volumesOf(
  podman: Podman,
  namespace: string,
): Promise<{ name: string; keeps: string | undefined }[]> {
  const filter = ['--filter', `label=${INSTANCE_LABEL}=${namespace}`, '--format', 'json']
  const found = await podman.json<{ Name: string; Labels: Record<string, string> | null }[] | null>(
    ['volume', 'ls', ...filter],
  )
  return (found ?? []).map(({ Name, Labels }) => ({ name: Name, keeps: Labels?.['copr/keeps'] }))
}
