import { z } from 'zod'
import { SCM_METHODS, SPEC_GENERATORS, SPEC_TEMPLATES } from './api/sources.ts'
import { DistgitLayout } from './configuration/distgit-instances.ts'
import type { SourceType } from './states.ts'

/** In bytes. The largest spec files of Fedora are about 3 MB. */
export const MAX_SPEC_BYTES = 16 * 1024 ** 2

/** Whether a file name, or the path of a URL, is that of a spec file. */
export function isSpecName(name: string): boolean {
  return /\.spec$/i.test(name)
}

/** Whether the SRPM has to be made in a buildroot, which is the case unless the source is itself an SRPM. */
export function isMadeInRoot(type: SourceType, json: Record<string, unknown>): boolean {
  if (type === 'link') return isSpecName(URL.parse(String(json['url']))?.pathname ?? '')
  if (type === 'upload') return isSpecName(String(json['pkg']))
  return true
}

/** A stored text; the settings of packages that older versions stored may lack it. */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')

/** The settings of a `custom` source, as a builder reads them. */
export const ScriptSettings = z.object({
  script: text,
  /** Packages, separated by spaces. */
  builddeps: text,
  resultdir: text,
  /** Whether a webhook started the build; if so, the script receives the webhook's body. */
  hook_data: z.boolean().default(false),
})

/** The settings of a `pypi` source, as a builder reads them. */
export const PypiSettings = z.object({
  pypi_package_name: text,
  /** Empty for the newest version. */
  pypi_package_version: text,
  spec_generator: z
    .enum(SPEC_GENERATORS)
    .nullish()
    .transform((value) => value ?? 'pyp2spec'),
  spec_template: z
    .enum(SPEC_TEMPLATES)
    .nullish()
    .transform((value) => value ?? ''),
  /** The first is the Python version in the package's name. */
  python_versions: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  index_url: z.string(),
})
export type PypiSettings = z.output<typeof PypiSettings>

/** The settings of a `rubygems` source, as a builder reads them. */
export const GemSettings = z.object({ gem_name: text, index_url: z.string() })
export type GemSettings = z.output<typeof GemSettings>

/** The settings of an `scm` source, as a builder reads them. */
export const ScmSettings = z.object({
  type: z
    .enum(['git', 'svn'])
    .nullish()
    .transform((value) => value ?? 'git'),
  clone_url: text,
  committish: text,
  /** A path in the repository. */
  subdirectory: text,
  /** A path relative to the subdirectory, or to the top of the repository if it begins with a slash. */
  spec: text,
  source_build_method: z
    .enum(SCM_METHODS)
    .nullish()
    .transform((value) => value ?? 'rpkg'),
})
export type ScmSettings = z.output<typeof ScmSettings>

/** The settings of a `distgit` source, as a builder reads them. */
export const DistgitSettings = z.object({
  clone_url: text,
  /** The name of the instance in the configuration. */
  distgit: text,
  namespace: text,
  committish: text,
  /** Missing if the configuration has no instance of this name any more. */
  layout: DistgitLayout.optional(),
})
export type DistgitSettings = z.output<typeof DistgitSettings>
