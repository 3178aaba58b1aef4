import { Configuration } from '@copr/contract/configuration'
import { jsonSchema } from '@copr/openshift/configuration/schema-keys'
import { stringify } from 'yaml'

/** The keys of a JSON schema that the reference documents. */
interface Node {
  description?: string
  default?: unknown
  properties?: Record<string, Node>
  required?: string[]
}

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

/** Returns the Markdown text of docs/administration/reference.md. */
export function configurationReference(): string {
  const top = jsonSchema(Configuration, 'copr.yaml') as Node
  const members = Object.entries(top.properties ?? {})
  const single = members.filter(([, { properties }]) => !properties)
  const sections = members.filter(([, { properties }]) => properties)
  return [
    HEAD,
    '## General\n',
    table(single.map(([name, member]) => row(name, member, isRequired(top, name)))),
    ...sections.flatMap(([name, member]) => [
      `## \`${name}\`\n`,
      `${member.description ?? ''}\n`,
      table(rowsBelow(member, name)),
    ]),
  ].join('\n')
}

function table(rows: string[]): string {
  return `${['| key | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')}\n`
}

function rowsBelow(section: Node, prefix: string): string[] {
  return Object.entries(section.properties ?? {}).flatMap(([name, member]) => {
    const key = `${prefix}.${name}`
    return member.properties
      ? rowsBelow(member, key)
      : [row(key, member, isRequired(section, name))]
  })
}

function isRequired({ required = [] }: Node, name: string): boolean {
  return required.includes(name)
}

function row(key: string, member: Node, needed: boolean): string {
  const { description = '', default: value } = member
  // The description states a default that depends on other keys.
  const [, before = description, computed, after = ''] =
    /^(.*?); default: ((?:`[^`]*`|[^`.;(])+)(.*)$/.exec(description) ?? []
  const byDefault = computed?.trim() ?? (needed ? '*required*' : valueText(value))
  const meaning = `${before}${computed?.endsWith(' ') === true ? ' ' : ''}${after}`
  return `| \`${key}\` | ${byDefault} | ${meaning.replaceAll('|', '\\|')} |`
}

function valueText(value: unknown): string {
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0))
    return 'none'
  if (typeof value === 'number' && value >= 2 ** 30 && value % 2 ** 30 === 0)
    return `${value / 2 ** 30} GiB`
  if (typeof value === 'string') return `\`${value}\``
  return `\`${stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()}\``
}
