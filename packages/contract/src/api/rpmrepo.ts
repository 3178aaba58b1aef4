import { z } from 'zod'

const Opts = z.strictObject({
  module_hotfixes: z.literal('1').optional(),
  priority: z.number().int().optional(),
  cost: z.string().optional(),
})
export type RepoOpts = z.infer<typeof Opts>

const Arch = z.strictObject({
  opts: Opts,
  delete_after_days: z.number().int().optional(),
  multilib: z.record(z.string(), z.strictObject({ opts: Opts })).optional(),
})

const Named = z.strictObject({ id: z.string(), name: z.string() })

/** The response from which the copr plugin of DNF 5 generates a `.repo` file. */
export const RpmrepoAnswer = z.strictObject({
  results_url: z.string(),
  repos: z.record(z.string(), z.strictObject({ arch: z.record(z.string(), Arch) })),
  directories: z.record(
    z.string(),
    z.strictObject({ delete_after_days: z.number().int().optional() }),
  ),
  dependencies: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('copr'),
        opts: Named,
        data: z.strictObject({ owner: z.string(), projectname: z.string() }),
      }),
      z.strictObject({
        type: z.literal('external_baseurl'),
        opts: Named,
        data: z.strictObject({ pattern: z.string() }),
      }),
    ]),
  ),
  delete_after_days: z.number().int().optional(),
})
export type RpmrepoAnswer = z.infer<typeof RpmrepoAnswer>
