import { z } from 'zod'
import { PrivateUrls } from './private-urls.ts'

/** An agent's JSON configuration on its machine: its identity, the gateway, and the deadlines after which it gives up. */
export const AgentConfig = z.strictObject({
  /** Where `/builder` is, without that part. */
  gateway_url: z.url(),
  /** PEM: authorities of the gateway's certificate that the world does not know. The whole machine trusts them then. */
  trusted_ca: z.string().optional(),
  name: z.string().min(1).max(200),
  arches: z.array(z.string()),
  tags: z.array(z.string()).default([]),
  /** A one-use token, read once; `-` reads it from standard input. The file goes when the token is spent. */
  enroll_token_file: z.string(),
  /** Builds and caches. */
  scratch_dir: z.string(),
  /** Where the agent and the units beside it leave notes for each other. */
  state_dir: z.string(),
  allow_private_urls: PrivateUrls.default(false),
  engine: z.enum(['auto', 'mock', 'native']).default('auto'),
  dead_man: z.strictObject({
    enroll_seconds: z.number().positive(),
    silence_seconds: z.number().positive(),
    lifetime_seconds: z.number().positive(),
  }),
  /** How an agent ends for good: `power_off`, which clouds treat as termination, or `exit`, which only ends the process. */
  at_end: z.enum(['power_off', 'exit']),
  /** Requirements that a machine must meet before it gets a task. */
  self_test: z
    .strictObject({
      min_disk_mb: z.number().int().min(0).default(8192),
      /** Memory and swap together. */
      min_memory_mb: z.number().int().min(0).default(1800),
      /** Against the gateway: repositories and certificates look at the clock. */
      max_clock_skew_seconds: z.number().min(0).default(60),
    })
    .prefault({}),
})
export type AgentConfig = z.output<typeof AgentConfig>
