import { z } from 'zod'
import { PrivateUrls } from './private-urls.ts'

/** An agent's JSON configuration on its machine: its identity, the gateway, and the deadlines after which it gives up. */
export const AgentConfig = z.strictObject({
  /** URL of the gateway, without `/builder`. */
  gateway_url: z.url(),
  /** PEM certificates of private CAs that signed the gateway's certificate. They are added to the trust store of the whole machine. */
  trusted_ca: z.string().optional(),
  name: z.string().min(1).max(200),
  arches: z.array(z.string()),
  tags: z.array(z.string()).default([]),
  /** File with a one-use token, read once and deleted after the token was used; `-` means standard input. */
  enroll_token_file: z.string(),
  /** Folder for builds and caches. */
  scratch_dir: z.string(),
  /** Folder through which the agent and the other systemd units of the machine exchange state files. */
  state_dir: z.string(),
  allow_private_urls: PrivateUrls.default(false),
  engine: z.enum(['auto', 'mock', 'native']).default('auto'),
  dead_man: z.strictObject({
    enroll_seconds: z.number().positive(),
    silence_seconds: z.number().positive(),
    lifetime_seconds: z.number().positive(),
  }),
  /**
   * How an agent shuts down for good: `power_off` powers off the machine, which clouds treat as termination; `exit` only ends the process.
   */
  at_end: z.enum(['power_off', 'exit']),
  /** Requirements that a machine must meet before it gets a task. */
  self_test: z
    .strictObject({
      min_disk_mb: z.number().int().min(0).default(8192),
      /** Sum of memory and swap. */
      min_memory_mb: z.number().int().min(0).default(1800),
      /** Maximum difference from the gateway's clock; it must be small because repository metadata and certificates depend on the time. */
      max_clock_skew_seconds: z.number().min(0).default(60),
    })
    .prefault({}),
})
export type AgentConfig = z.output<typeof AgentConfig>
