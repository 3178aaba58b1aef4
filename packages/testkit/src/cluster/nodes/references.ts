import type { KubeObject } from '../kube-client.ts'

/** A ConfigMap or Secret that a pod needs in order to start, and how the pod refers to it. */
export interface Reference {
  kind: 'ConfigMap' | 'Secret'
  name: string
  /**
   * If the object is missing, a reference from a volume delays the pod's setup, and one from the environment delays the creation of the
   * container.
   */
  from: 'volume' | 'environment'
}

interface Source {
  configMap?: { name?: string; optional?: boolean }
  secret?: { name?: string; secretName?: string; optional?: boolean }
  configMapRef?: { name: string; optional?: boolean }
  secretRef?: { name: string; optional?: boolean }
  configMapKeyRef?: { name: string; optional?: boolean }
  secretKeyRef?: { name: string; optional?: boolean }
}

interface Container {
  env?: { valueFrom?: Source }[]
  envFrom?: Source[]
}

/** Lists the ConfigMaps and Secrets that a pod needs, each only once. */
export function referencesOf(pod: KubeObject): Reference[] {
  const {
    volumes = [],
    containers = [],
    initContainers = [],
  } = pod['spec'] as {
    volumes?: (Source & { projected?: { sources: Source[] } })[]
    containers?: Container[]
    initContainers?: Container[]
  }
  const mounted = volumes.flatMap((volume) => [volume, ...(volume.projected?.sources ?? [])])
  const read = [...initContainers, ...containers].flatMap(({ env = [], envFrom = [] }) => [
    ...envFrom,
    ...env.flatMap(({ valueFrom }) => (valueFrom ? [valueFrom] : [])),
  ])
  const all = [
    ...mounted.flatMap((source) => neededBy(source, 'volume')),
    ...read.flatMap((source) => neededBy(source, 'environment')),
  ]
  return [...new Map(all.map((each) => [`${each.kind}/${each.name}/${each.from}`, each])).values()]
}

function neededBy(source: Source, from: Reference['from']): Reference[] {
  const configMaps = [source.configMap, source.configMapRef, source.configMapKeyRef]
  const secrets = [source.secret, source.secretRef, source.secretKeyRef]
  const needed = (kind: Reference['kind'], refs: (Source['secret'] | undefined)[]): Reference[] =>
    refs.flatMap((ref) => {
      const name = ref?.name ?? ref?.secretName
      return ref?.optional || name === undefined ? [] : [{ kind, name, from }]
    })
  return [...needed('ConfigMap', configMaps), ...needed('Secret', secrets)]
}
