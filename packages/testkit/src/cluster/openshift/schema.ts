/** The fields in which these CRDs differ. */
export interface CrdShape {
  group: string
  version: string
  kind: string
  plural: string
  scope?: 'Namespaced' | 'Cluster'
  /** Schemas of the fields other than apiVersion, kind and metadata. If unset, any field is accepted. */
  properties?: Record<string, Schema>
  required?: string[]
  hasStatus?: boolean
}

export type Schema = Record<string, unknown>

export const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
export const boolean: Schema = { type: 'boolean' }
export const text = (more: Schema = {}): Schema => ({ type: 'string', ...more })
export const oneOf = (...values: string[]): Schema => ({ type: 'string', enum: values })
export const integer = (minimum: number, maximum: number): Schema => ({
  type: 'integer',
  format: 'int32',
  minimum,
  maximum,
})
export const listOf = (items: Schema): Schema => ({ type: 'array', items })
export const object = (
  properties: Record<string, Schema>,
  required: string[] = [],
  more: Schema = {},
): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 ? { required } : {}),
  ...more,
})

/** A CustomResourceDefinition with one version. */
export function crd(shape: CrdShape) {
  const { group, version, kind, plural, scope = 'Namespaced', required, hasStatus } = shape
  const properties = shape.properties
    ? { apiVersion: text(), kind: text(), metadata: { type: 'object' }, ...shape.properties }
    : undefined
  const schema = properties ? object(properties, required) : anything
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          ...(hasStatus ? { subresources: { status: {} } } : {}),
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  }
}
