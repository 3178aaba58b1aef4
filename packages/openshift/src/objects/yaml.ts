import { stringify } from 'yaml'

/** Without folded lines and anchors, which people read badly. */
export function yamlOf(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, blockQuote: 'literal' })
}
