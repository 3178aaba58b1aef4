import { z } from 'zod'
import { PackageName } from '../names.ts'
import { SOURCE_TYPE_NUMBER, type SourceType } from '../states.ts'
import { BuildAnswer, BuildTarget } from './builds.ts'
import { Flag, Line, WholeOrEmpty } from './form-fields.ts'

const MAX_BUILDS = 100

/** Settings of a package other than its source. */
export const PackageSettings = z.object({
  /** Must equal the name in the path. */
  package_name: Line.pipe(PackageName).optional(),
  webhook_rebuild: Flag.optional(),
  max_builds: WholeOrEmpty.pipe(
    z
      .number()
      .min(0, `must be 0 to ${MAX_BUILDS}`)
      .max(MAX_BUILDS, `must be 0 to ${MAX_BUILDS}`)
      .optional(),
  ).optional(),
  /** Seconds; 0 means the site's default. */
  timeout: WholeOrEmpty.optional(),
  /** Comma-separated patterns. */
  chroot_denylist: Line.pipe(z.string().max(2000, 'has more than 2000 characters')).optional(),
})
export type PackageSettings = z.output<typeof PackageSettings>

/** Body fields that identify a package. */
export const PackageTarget = BuildTarget.extend({ package_name: Line.pipe(PackageName) })

export const PackageAnswer = z.strictObject({
  id: z.number().int(),
  name: z.string(),
  ownername: z.string(),
  projectname: z.string(),
  source_type: z.enum(Object.keys(SOURCE_TYPE_NUMBER) as [SourceType, ...SourceType[]]),
  source_dict: z.record(z.string(), z.unknown()),
  auto_rebuild: z.boolean(),
  /** The builds are null unless the request includes them. */
  builds: z.strictObject({
    latest: BuildAnswer.nullable(),
    latest_succeeded: BuildAnswer.nullable(),
  }),
})
export type PackageAnswer = z.infer<typeof PackageAnswer>
