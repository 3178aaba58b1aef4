import { z } from 'zod'
import { Flag, Line, Words } from './form-fields.ts'
import { ProjectQuery, Repositories } from './projects.ts'

/** Query parameters that identify a chroot of a project. */
export const ProjectChrootQuery = ProjectQuery.extend({ chrootname: z.string() })

/** Returns a schema for a list of arguments of dnf and rpmbuild; no pattern may allow an argument that looks like an option. */
function wordsLike(pattern: RegExp, message: string) {
  return Words.superRefine((words, ctx) => {
    const wrong = words.find((word) => word.length > 200 || !pattern.test(word))
    if (wrong !== undefined)
      ctx.addIssue({ code: 'custom', message: `${wrong.slice(0, 200)}: ${message}` })
  })
}
const Packages = wordsLike(/^[^-\s][^\s'"`;|<>$\\]*$/, 'is not the name of a package')
/** Clients also send conditions with leading dashes, in the notation of `./configure`; the build reads `--foo` as `foo`. */
const Conditions = wordsLike(
  /^(?:--)?[A-Za-z0-9_][A-Za-z0-9_.+-]*$/,
  'is not the name of a build condition',
)
const BuildTags = wordsLike(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'is not a tag')

const NOT_A_MODULE =
  'must consist of two parts separated with colon, e.g. module:stream, or !module:stream to disable it'

/**
 * Modules in dnf's notation: `name:stream` to enable one, with a leading `!` to disable it. A list, or a string in which they are separated
 * by commas.
 */
const Modules = z
  .unknown()
  .transform((value): unknown =>
    (Array.isArray(value) ? value : [value]).map((each: unknown) =>
      typeof each === 'string' ? each.replaceAll(',', ' ') : each,
    ),
  )
  .pipe(Words)
  .superRefine((modules, ctx) => {
    const seen = new Set<string>()
    for (const module of modules) {
      const name = /^!?([\w.+-]+):[\w.+-]+$/.exec(module)?.[1]
      const fault = name === undefined ? NOT_A_MODULE : 'specified multiple times'
      if (name === undefined || seen.has(name))
        ctx.addIssue({
          code: 'custom',
          message: `Module name '${(name ?? module).slice(0, 200)}' ${fault}`,
        })
      else seen.add(name)
    }
  })
  .meta({ type: 'array', items: { type: 'string' } })

const BootstrapImage = Line.refine(
  (image) => image === '' || (image.length <= 500 && /^[\w./-]+(:[\w.-]+)?$/.test(image)),
  'Enter valid bootstrap image id (<name>[:<tag>], e.g. fedora:33)',
)

/** Allowed values of `reset_fields`. */
export const RESETTABLE = [
  'additional_repos',
  'additional_packages',
  'additional_modules',
  'with_opts',
  'without_opts',
  'bootstrap',
  'bootstrap_image',
  'isolation',
  'build_tags',
] as const

export function isResettable(field: string): field is (typeof RESETTABLE)[number] {
  return (RESETTABLE as readonly string[]).includes(field)
}

export const CHROOT_BOOTSTRAPS = [
  'unchanged',
  'default',
  'on',
  'off',
  'image',
  'custom_image',
] as const
export const CHROOT_ISOLATIONS = ['unchanged', 'default', 'nspawn', 'simple'] as const

export const EditProjectChroot = z.object({
  additional_repos: Repositories.optional(),
  additional_packages: Packages.optional(),
  /** As in Copr, only an empty string removes all modules; an empty list counts as absent. */
  additional_modules: z.preprocess(
    (value) => (Array.isArray(value) && value.length === 0 ? undefined : value),
    Modules.optional(),
  ),
  with_opts: Conditions.optional(),
  without_opts: Conditions.optional(),
  bootstrap: Line.pipe(z.enum(CHROOT_BOOTSTRAPS)).optional(),
  bootstrap_image: BootstrapImage.optional(),
  isolation: Line.pipe(z.enum(CHROOT_ISOLATIONS)).optional(),
  /** Not in Copr: tags that a builder must have to build in this chroot, in addition to those that the chroot itself requires. */
  build_tags: BuildTags.optional(),
  delete_comps: Flag.optional(),
  reset_fields: Words.pipe(z.array(z.enum(RESETTABLE))).optional(),
})
export type EditProjectChroot = z.output<typeof EditProjectChroot>

export const ProjectChrootAnswer = z.strictObject({
  mock_chroot: z.string(),
  ownername: z.string(),
  projectname: z.string(),
  comps_name: z.string().nullable(),
  additional_repos: z.array(z.string()),
  additional_packages: z.array(z.string()),
  additional_modules: z.array(z.string()),
  with_opts: z.array(z.string()),
  without_opts: z.array(z.string()),
  isolation: z.string(),
  delete_after_days: z.number().int().nullable(),
})
export type ProjectChrootAnswer = z.infer<typeof ProjectChrootAnswer>

export const RepoAnswer = z.strictObject({
  id: z.string(),
  name: z.string(),
  baseurl: z.string(),
  priority: z.number().int().nullable(),
  module_hotfixes: z.boolean().nullable(),
  repo_gpgcheck: z.boolean().nullable(),
})
export type RepoAnswer = z.infer<typeof RepoAnswer>

export const ChrootBuildConfigAnswer = z.strictObject({
  chroot: z.string(),
  enable_net: z.boolean(),
  isolation: z.string(),
  additional_packages: z.array(z.string()),
  additional_modules: z.array(z.string()),
  additional_repos: z.array(z.string()),
  with_opts: z.array(z.string()),
  without_opts: z.array(z.string()),
  repos: z.array(RepoAnswer),
  /** Set only if it is not the default. */
  bootstrap: z.string().optional(),
  bootstrap_image: z.string().optional(),
})
export type ChrootBuildConfigAnswer = z.infer<typeof ChrootBuildConfigAnswer>

/** Maps the name of each chroot to its comment. */
export const MockChrootsAnswer = z.record(z.string(), z.string())
