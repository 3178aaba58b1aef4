import { bitbucket } from './bitbucket.ts'
import type { ForgeParser } from './forge-event.ts'
import { forgejo } from './forgejo.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'

export const FORGES = { github, gitlab, bitbucket, forgejo } as const satisfies Record<
  string,
  ForgeParser
>
export type Forge = keyof typeof FORGES
