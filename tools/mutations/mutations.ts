import { CLAIMS } from './claims.ts'
import { LEASES_AND_TICKETS } from './leases.ts'
import type { Mutation } from './mutation.ts'
import { PERMISSIONS } from './permissions.ts'
import { QUOTA_FAULTS } from './quotas.ts'
import { TOKENS } from './tokens.ts'
import { TRANSITIONS } from './transitions.ts'

export const MUTATIONS: readonly Mutation[] = [
  ...TRANSITIONS,
  ...CLAIMS,
  ...LEASES_AND_TICKETS,
  ...PERMISSIONS,
  ...QUOTA_FAULTS,
  ...TOKENS,
]
