import { z } from 'zod'

const seconds = z.number().int().nullable()

/** The state of each unfinished step of a build, and the reasons why it is not running. */
export const WhyAnswer = z.strictObject({
  id: z.number().int(),
  state: z.string(),
  steps: z.array(
    z.strictObject({
      /** Null for the step that makes the source package. */
      chroot: z.string().nullable(),
      state: z.enum(['waiting', 'queued', 'running']),
      reasons: z.array(
        z.strictObject({
          kind: z.enum([
            'source',
            'batch',
            'chain',
            'retry',
            'limit',
            'no_machine',
            'machine_coming',
            'queue',
            'running',
            'publishing',
          ]),
          text: z.string(),
          since: seconds,
        }),
      ),
      /** Current position in the queue; 1 means next. */
      position: z.number().int().nullable(),
      /** The builder that runs the step. */
      machine: z.string().nullable(),
      /** How often the step has been started. */
      tries: z.number().int(),
      /** Why the previous attempt was lost through no fault of the build: `interrupted`, `out_of_memory` … */
      lost_cause: z.string().nullable(),
      /** Numbers of builders that could run the step. */
      machines: z
        .strictObject({
          idle: z.number().int(),
          busy: z.number().int(),
          starting: z.number().int(),
        })
        .nullable(),
      /** Estimated cost of the builder that runs the step, in the currency of the site's prices. */
      cost: z.number().nullable(),
    }),
  ),
})
export type WhyAnswer = z.infer<typeof WhyAnswer>
