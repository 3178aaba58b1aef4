import { z } from 'zod'

const seconds = z.number().int().nullable()

/** Where each step of an unfinished build stands, and why it does not run. */
export const WhyAnswer = z.strictObject({
  id: z.number().int(),
  state: z.string(),
  steps: z.array(
    z.strictObject({
      /** Null: the source package. */
      chroot: z.string().nullable(),
      state: z.enum(['waiting', 'queued', 'running']),
      reasons: z.array(
        z.strictObject({
          kind: z.enum([
            'source',
            'batch',
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
      /** 1: the next, as things are now. */
      position: z.number().int().nullable(),
      /** The builder that does it. */
      machine: z.string().nullable(),
      /** How often it has been begun. */
      tries: z.number().int(),
      /** Why the try before was lost through no fault of the build: `interrupted`, `out_of_memory` … */
      lost_cause: z.string().nullable(),
      /** Builders that could do it. */
      machines: z
        .strictObject({
          idle: z.number().int(),
          busy: z.number().int(),
          starting: z.number().int(),
        })
        .nullable(),
      /** Estimate for the builder that does it now, in the currency of the site's prices. */
      cost: z.number().nullable(),
    }),
  ),
})
export type WhyAnswer = z.infer<typeof WhyAnswer>
