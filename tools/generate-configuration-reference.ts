/** Writes docs/administration/reference.md from the schema of copr.yaml. */
import { writeFileSync } from 'node:fs'
import { configurationReference } from './configuration-reference.ts'

writeFileSync(
  new URL('../docs/administration/reference.md', import.meta.url),
  configurationReference(),
)
