import { KubeError, type KubeApi } from '@copr/kube-client/kube-api'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { collectionPath, objectPath } from '@copr/kube-client/kinds'

export interface MemoryApi extends KubeApi {
  objects: Map<string, KubeObject>
  /** Rights that the user lacks: `delete leases`. */
  denied: Set<string>
  user: string
}

/** A fake API server in memory. It stores objects, checks their resource versions, and answers access reviews. */
export function memoryApi(given: KubeObject[] = []): MemoryApi {
  const objects = new Map(given.map((object) => [objectPath(object), object]))
  let version = 1
  const fail = (code: number, reason: string): never => {
    throw new KubeError(reason, code, reason)
  }
  const put = (path: string, object: KubeObject): KubeObject => {
    const resourceVersion = String(++version)
    const stored = { ...object, metadata: { uid: path, ...object.metadata, resourceVersion } }
    objects.set(path, stored)
    return stored
  }
  const api: MemoryApi = {
    objects,
    denied: new Set(),
    user: 'ana',
    server: 'https://api.example.org',
    until: () => api,
    // oxlint-disable-next-line typescript/require-await -- as a real one does
    async request(method, path, body) {
      if (path.endsWith('/selfsubjectreviews'))
        return { status: { userInfo: { username: api.user } } }
      if (path.endsWith('/selfsubjectaccessreviews')) {
        const { verb, resource } = (
          body as { spec: { resourceAttributes: Record<'verb' | 'resource', string> } }
        ).spec.resourceAttributes
        return { status: { allowed: !api.denied.has(`${verb} ${resource}`) } }
      }
      const object = body as KubeObject
      if (method === 'POST') {
        const at = objectPath(object)
        return objects.has(at) ? fail(409, 'AlreadyExists') : put(at, object)
      }
      const there = objects.get(path) ?? fail(404, 'NotFound')
      const wanted =
        method === 'DELETE'
          ? (body as { preconditions: { resourceVersion: string } }).preconditions
          : object.metadata
      if (wanted.resourceVersion !== there.metadata.resourceVersion) return fail(409, 'Conflict')
      if (method === 'PUT') return put(path, object)
      return objects.delete(path)
    },
    find: async (ref) => objects.get(objectPath(ref)),
    list: async (...of) => await Array.fromAsync(api.each(...of)),
    // oxlint-disable-next-line typescript/require-await -- as a real one does
    async *each(apiVersion, kind, { namespace } = {}) {
      const folder = `${collectionPath(apiVersion, kind, namespace)}/`
      for (const [path, object] of objects) if (path.startsWith(folder)) yield object
    },
    async createMissing(object) {
      const at = objectPath(object)
      return objects.has(at) ? undefined : put(at, object)
    },
    apply: async (object) => put(objectPath(object), object),
    remove: async (ref) => objects.delete(objectPath(ref)),
    upload: () => Promise.reject(new Error('There are no uploads in memory')),
  }
  return api
}
