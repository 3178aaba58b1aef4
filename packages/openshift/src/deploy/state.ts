import { z } from 'zod'
import { type KubeApi, unlessMissing } from '@copr/kube-client/kube-api'
import type { KubeObject, ObjectRef } from '@copr/kube-client/kube-object'
import { meta } from '../render/render-context.ts'

const Ref = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
})

const State = z.object({
  version: z.string(),
  host: z.string(),
  subdomain: z.string().optional(),
  administrator_link: z.object({ sha256: z.string(), expires: z.string() }).optional(),
  images: z.object({ server: z.string(), postgresql: z.string() }),
  /** All objects of the last deployment. */
  inventory: z.array(Ref),
})
export type State = Omit<z.infer<typeof State>, 'inventory'> & { inventory: ObjectRef[] }

const NAME = 'deployment'

/** Reads the state that the last deployment stored in the namespace; undefined before the first one. */
export async function readState(api: KubeApi, namespace: string): Promise<State | undefined> {
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME, namespace } }
  const found = await unlessMissing(api.find(ref))
  const text = (found?.['data'] as Record<string, string> | undefined)?.['state.json']
  if (text === undefined) return undefined
  const state = State.parse(JSON.parse(text))
  return { ...state, inventory: state.inventory.map((ref) => refOf(ref as ObjectRef)) }
}

export async function writeState(api: KubeApi, namespace: string, state: State): Promise<void> {
  await api.apply(stateObject(namespace, state))
}

function stateObject(namespace: string, state: State): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta({ namespace }, NAME, { component: 'copr' }),
    data: { 'state.json': JSON.stringify(state, null, 2) },
  }
}

export function stateRef(namespace: string): ObjectRef {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME, namespace } }
}

export function refOf({ apiVersion, kind, metadata }: ObjectRef): ObjectRef {
  const { name, namespace } = metadata
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }
}
