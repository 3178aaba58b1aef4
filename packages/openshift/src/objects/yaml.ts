import type { ObjectRef } from '@copr/kube-client/kube-object'
import { stringify } from 'yaml'

/** Formats YAML for people: without folded lines and anchors. */
export function yamlOf(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, blockQuote: 'literal' })
}

/** Returns the name of an object's file: `deployment-frontend.yaml`. */
export function fileNameOf({ kind, metadata: { name, namespace = '' } }: ObjectRef): string {
  const place = namespace.endsWith('-builders') ? 'builders-' : ''
  return `${place}${kind.toLowerCase()}-${name}.yaml`
}
