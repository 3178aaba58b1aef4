import { z } from 'zod'
import { SOURCE_TYPE_NUMBER, type SourceType } from '../states.ts'
import { BuildAnswer } from './builds.ts'

export const PackageAnswer = z.strictObject({
  id: z.number().int(),
  name: z.string(),
  ownername: z.string(),
  projectname: z.string(),
  source_type: z.enum(Object.keys(SOURCE_TYPE_NUMBER) as [SourceType, ...SourceType[]]),
  source_dict: z.record(z.string(), z.unknown()),
  auto_rebuild: z.boolean(),
  /** Filled on request only. */
  builds: z.strictObject({
    latest: BuildAnswer.nullable(),
    latest_succeeded: BuildAnswer.nullable(),
  }),
})
export type PackageAnswer = z.infer<typeof PackageAnswer>
