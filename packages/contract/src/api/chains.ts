/** Chains: builds whose order the system determines itself. Copr has none. */
import { z } from 'zod'
import { BuildAnswer, BuildOptions, BuildTarget, UrlBuild } from './builds.ts'

/** Without `pkgs`, the chain stays open: builds are added with `chain_id`, and another request starts it. */
export const CreateChain = BuildTarget.extend(BuildOptions.omit({ chain_id: true }).shape).extend({
  pkgs: UrlBuild.shape.pkgs.optional(),
})

const StateName = BuildAnswer.shape.state
const seconds = z.number().int().nullable()

export const ChainAnswer = z.strictObject({
  id: z.number().int(),
  ownername: z.string(),
  projectname: z.string(),
  /** `open` until the chain is started; `failed` if any build failed; `canceled` if none failed but at least one was canceled. */
  state: z.enum(['open', 'running', 'succeeded', 'failed', 'canceled']),
  created_on: seconds,
  started_on: seconds,
  ended_on: seconds,
  /** Numbers of builds, in total and by state. */
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
          /** 1 for packages that need no other package of the chain; null for packages on a cycle and packages that need one on a cycle. */
          wave: z.number().int().nullable(),
          /** Why the build waits or has failed; null if there is no reason. */
          reason: z.string().nullable(),
          /** The packages of the chain that this package needs, each with a requirement of this package that it satisfies. */
          needs: z.array(
            z.strictObject({
              requirement: z.string(),
              build_id: z.number().int(),
              package: z.string(),
            }),
          ),
          /** The requirements that no repository provided in the last attempt. */
          unmet: z.array(z.string()),
        }),
      ),
      /** `text` has the form `a -> b -> a (a requires b-devel, b requires a)`. */
      cycles: z.array(z.strictObject({ text: z.string(), build_ids: z.array(z.number().int()) })),
    }),
  ),
})
export type ChainAnswer = z.infer<typeof ChainAnswer>
