import { stringify } from 'yaml'

/** Formats YAML for people: without folded lines and anchors. */
export function yamlOf(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, blockQuote: 'literal' })
}
