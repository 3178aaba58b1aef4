import { Vars } from '@copr/contract/deployment/vars'
import { z } from 'zod'

const Node = z.object({
  description: z.string().optional(),
  default: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
  type: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
})

export interface SchemaKey {
  /** Path of the key: `expose.host`. */
  key: string
  meaning: string
  default: unknown
  /** The allowed values of an enumeration; undefined for other keys. */
  choices: unknown[] | undefined
  isSection: boolean
}

/** Returns the JSON schema that editors use if a file refers to it with `# yaml-language-server: $schema=...`. */
export function jsonSchema(schema: z.ZodType, title: string): object {
  return { ...z.toJSONSchema(schema, { io: 'input' }), title }
}

/** Returns every key of vars.yml, each section before its keys. */
export function keysOfVars(): SchemaKey[] {
  return keysBelow(z.toJSONSchema(Vars, { io: 'input' }), '')
}

function keysBelow(schema: unknown, prefix: string): SchemaKey[] {
  return Object.entries(Node.parse(schema).properties ?? {}).flatMap(([name, member]) => {
    const node = Node.parse(member)
    const key = prefix === '' ? name : `${prefix}.${name}`
    const isSection = node.properties !== undefined
    const own = {
      key,
      meaning: node.description ?? '',
      default: isSection ? undefined : node.default,
      choices: node.enum,
      isSection,
    }
    return [own, ...keysBelow(member, key)]
  })
}
