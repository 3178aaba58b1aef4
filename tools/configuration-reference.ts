import { Configuration } from '@copr/contract/configuration'
import { stringify } from 'yaml'
import { z } from 'zod'

const Node = z.object({
  description: z.string().optional(),
  default: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).default([]),
})

const HEAD = `# Configuration reference

<!-- Written by \`make schema\` from packages/contract/src/configuration.ts: change that, not this file. -->

Every component reads the same YAML file: \`--config FILE\`, else \`COPR_CONFIG\`, else \`.copr/copr.yaml\` below the current folder.

- \`make up\` writes \`copr.yaml\` at the first start. Change it while the system is stopped.
- At each start \`make up\` sets \`listen.host\`, \`listen.port\`, \`data_dir\`, \`database_url\`, \`keygen.url\` and \`keygen.master_key_file\` again, from its options and
  the data directory. It sets \`public_url\` and \`internal_url\`, too, unless you gave them.
- Any value may be \`from_file: /path\`: the content of that file, without surrounding white space.
- *required* means: within its section. A section that is optional may be left out as a whole.
- A fault is reported with the key's name, and nothing starts.

A cluster's configuration is rendered from \`vars.yml\` instead ([cluster.md](cluster.md)); \`coprctl config explain KEY\` describes that.
`

/** Markdown text of docs/administration/reference.md. */
export function configurationReference(): string {
  const top = Node.parse(z.toJSONSchema(Configuration, { io: 'input' }))
  const members = Object.entries(top.properties ?? {})
  const isSection = (member: unknown): boolean => Node.parse(member).properties !== undefined
  const single = members.filter(([, member]) => !isSection(member))
  const sections = members.filter(([, member]) => isSection(member))
  return [
    HEAD,
    '## General\n',
    table(single.map(([name, member]) => row(name, member, top.required.includes(name)))),
    ...sections.flatMap(([name, member]) => [
      `## \`${name}\`\n`,
      `${Node.parse(member).description ?? ''}\n`,
      table(rowsBelow(member, name)),
    ]),
  ].join('\n')
}

function table(rows: string[]): string {
  return `${['| key | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')}\n`
}

function rowsBelow(schema: unknown, prefix: string): string[] {
  const { properties = {}, required } = Node.parse(schema)
  return Object.entries(properties).flatMap(([name, member]) => {
    const key = `${prefix}.${name}`
    const isSection = Node.parse(member).properties !== undefined
    return isSection ? rowsBelow(member, key) : [row(key, member, required.includes(name))]
  })
}

function row(key: string, member: unknown, isRequired: boolean): string {
  const { description = '', default: value } = Node.parse(member)
  // A default that depends on other keys is part of the description.
  const [, before = description, computed, after = ''] =
    /^(.*?); default: ((?:`[^`]*`|[^`.;(])+)(.*)$/.exec(description) ?? []
  const byDefault = computed?.trim() ?? (isRequired ? '*required*' : valueText(value))
  const meaning = `${before}${computed?.endsWith(' ') === true ? ' ' : ''}${after}`
  return `| \`${key}\` | ${byDefault} | ${meaning.replaceAll('|', '\\|')} |`
}

function valueText(value: unknown): string {
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0))
    return 'none'
  if (typeof value === 'number' && value >= 2 ** 30 && value % 2 ** 30 === 0)
    return `${value / 2 ** 30} GiB`
  if (typeof value !== 'object') return `\`${String(value)}\``
  return `\`${stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()}\``
}
