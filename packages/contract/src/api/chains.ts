/** Chains: builds that the system puts into order itself. The reference system has none. */
import { z } from 'zod'
import { BuildAnswer, BuildOptions, BuildTarget, UrlBuild } from './builds.ts'

/** Without `pkgs`, the chain is open: builds are added with `chain_id`, and it is started with another request. */
export const CreateChain = BuildTarget.extend(BuildOptions.omit({ chain_id: true }).shape).extend({
  pkgs: UrlBuild.shape.pkgs.optional(),
})

const StateName = BuildAnswer.shape.state
const seconds = z.number().int().nullable()

export const ChainAnswer = z.strictObject({
  id: z.number().int(),
  ownername: z.string(),
  projectname: z.string(),
  /** `open` until the chain is started; `failed` if a build has failed; `canceled` if none has, and one was canceled. */
  state: z.enum(['open', 'running', 'succeeded', 'failed', 'canceled']),
  created_on: seconds,
  started_on: seconds,
  ended_on: seconds,
  /** Numbers of builds. */
  counts: z.strictObject({
    total: z.number().int(),
    waiting: z.number().int(),
    running: z.number().int(),
    succeeded: z.number().int(),
    failed: z.number().int(),
  }),
  builds: z.array(
    z.strictObject({
      id: z.number().int(),
      /** Null until the source package is known. */
      package: z.string().nullable(),
      state: StateName,
    }),
  ),
  chroots: z.array(
    z.strictObject({
      name: z.string(),
      packages: z.array(
        z.strictObject({
          build_id: z.number().int(),
          package: z.string(),
          state: StateName,
          /** Packages of wave 1 need no other package of the chain; null for those on a cycle and those that need one of them. */
          wave: z.number().int().nullable(),
          /** Why it waits, or why it has failed. */
          reason: z.string().nullable(),
          /** The packages of the chain that it needs, each with one of the requirements. */
          needs: z.array(
            z.strictObject({
              requirement: z.string(),
              build_id: z.number().int(),
              package: z.string(),
            }),
          ),
          /** The requirements that its last attempt did not find. */
          unmet: z.array(z.string()),
        }),
      ),
      /** `text` is `a -> b -> a (a requires b-devel, b requires a)`. */
      cycles: z.array(z.strictObject({ text: z.string(), build_ids: z.array(z.number().int()) })),
    }),
  ),
})
export type ChainAnswer = z.infer<typeof ChainAnswer>
