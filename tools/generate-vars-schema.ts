/** Writes the JSON schemas of vars.yml and secret-vars.yml for editors. */
import { writeFileSync } from 'node:fs'
import { SecretVars, Vars } from '@copr/contract/deployment/vars'
import { jsonSchema } from '@copr/openshift/configuration/schema-keys'

for (const [name, schema] of [
  ['vars', Vars],
  ['secret-vars', SecretVars],
] as const) {
  const path = new URL(`../docs/${name}.schema.json`, import.meta.url)
  writeFileSync(path, `${JSON.stringify(jsonSchema(schema, `${name}.yml`), null, 2)}\n`)
}
