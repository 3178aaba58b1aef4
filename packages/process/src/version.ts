import { readFileSync } from 'node:fs'

/** The product's version: one for all packages. */
export const VERSION = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
).version
