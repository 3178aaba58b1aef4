import type { KubeObject } from '@copr/kube-client/kube-object'

export interface PublicPath {
  path: string
  service: string
  port: number
}

interface IngressSpec {
  rules: {
    http: {
      paths: { path: string; backend: { service: { name: string; port: { number: number } } } }[]
    }
  }[]
}

/** Returns the paths of the Ingress with the Services that serve them. */
export function pathsOf(objects: KubeObject[]): PublicPath[] {
  const ingress = objects.find(({ kind }) => kind === 'Ingress')
  const { rules } = (ingress?.['spec'] ?? { rules: [] }) as IngressSpec
  return rules.flatMap(({ http }) =>
    http.paths.map(({ path, backend: { service } }) => ({
      path,
      service: service.name,
      port: service.port.number,
    })),
  )
}
