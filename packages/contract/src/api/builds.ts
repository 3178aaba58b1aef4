import { z } from 'zod'
import { OwnerName, ProjectName } from '../names.ts'
import { isSpecName } from '../made-sources.ts'
import { SOURCE_TYPE_NUMBER, STATE_NUMBER, type BuildState, type SourceType } from '../states.ts'
import { FailureDetails } from '../failure.ts'
import { RepoAnswer } from './chroots.ts'
import { Flag, Line, WholeOrEmpty, Words, wordsWithout } from './form-fields.ts'

/** The project that a build is submitted to; it is looked up before anything else is checked. */
export const BuildTarget = z.object({
  ownername: Line.pipe(OwnerName),
  projectname: Line.pipe(ProjectName),
})

/** Not validated here: the rules for a new directory's name depend on the project, and existing directories may break them. */
const Dirname = z.preprocess(
  (value) => (value === '' ? undefined : value),
  Line.pipe(z.string().max(1000, 'has more than 1000 characters')).optional(),
)

export const BuildOptions = z.object({
  project_dirname: Dirname.optional(),
  /** Chroot names or shell patterns. */
  chroots: Words.optional(),
  exclude_chroots: Words.optional(),
  background: Flag.optional(),
  timeout: WholeOrEmpty.optional(),
  enable_net: Flag.optional(),
  bootstrap: Line.pipe(z.enum(['unchanged', 'default', 'on', 'off', 'image'])).optional(),
  isolation: Line.pipe(z.enum(['unchanged', 'default', 'nspawn', 'simple'])).optional(),
  after_build_id: WholeOrEmpty.optional(),
  with_build_id: WholeOrEmpty.optional(),
  /** The open chain to which the build is added. Copr has no chains. */
  chain_id: WholeOrEmpty.optional(),
  packit_forge_project: Line.pipe(z.string().max(1000, 'has more than 1000 characters')).optional(),
})
export type BuildOptions = z.output<typeof BuildOptions>

export const UrlBuild = BuildOptions.extend({
  pkgs: wordsWithout(faultOfSourceUrl).refine(
    (urls) => urls.length > 0,
    'URLs to packages are required: at least one URL',
  ),
})
export type UrlBuild = z.output<typeof UrlBuild>

export const DeleteBuilds = z.object({
  builds: z
    .array(z.number().int().positive(), 'must be a list of build ids')
    .min(1)
    .max(10_000, 'has more than 10000 entries'),
})

const BuildStateName = z.enum(Object.keys(STATE_NUMBER) as [BuildState, ...BuildState[]])
const seconds = z.number().int().nullable()

export const BuildAnswer = z.strictObject({
  id: z.number().int(),
  state: BuildStateName,
  ownername: z.string(),
  projectname: z.string(),
  project_dirname: z.string(),
  repo_url: z.string(),
  source_package: z.strictObject({
    name: z.string().nullable(),
    /** `[epoch:]version-release` */
    version: z.string().nullable(),
    url: z.string().nullable(),
  }),
  chroots: z.array(z.string()),
  submitted_on: seconds,
  started_on: seconds,
  ended_on: seconds,
  submitter: z.string().nullable(),
  is_background: z.boolean(),
})
export type BuildAnswer = z.infer<typeof BuildAnswer>

/** The cause of a failure, an addition to Copr's API; only failed builds with a known cause have it. */
const Failure = FailureDetails.extend({
  /** The sentence that the build's page shows. */
  reason: z.string(),
}).optional()

export const SourceChrootAnswer = z.strictObject({
  state: BuildStateName,
  result_url: z.string().nullable(),
  failure: Failure,
})

export const SourceBuildConfigAnswer = z.strictObject({
  source_type: z.enum(Object.keys(SOURCE_TYPE_NUMBER) as [SourceType, ...SourceType[]]),
  source_dict: z.record(z.string(), z.unknown()),
  memory_limit: z.number().int(),
  timeout: z.number().int(),
  is_background: z.boolean(),
})

/** Query parameters that identify a chroot of a build. */
export const BuildChrootQuery = z.object({ build_id: z.string(), chrootname: z.string() })

export const BuildChrootAnswer = z.strictObject({
  name: z.string(),
  state: BuildStateName,
  started_on: seconds,
  ended_on: seconds,
  result_url: z.string().regex(/\/$/).nullable(),
  failure: Failure,
})
export type BuildChrootAnswer = z.infer<typeof BuildChrootAnswer>

export const NevraAnswer = z.strictObject({
  name: z.string(),
  epoch: z.number().int().nullable(),
  version: z.string(),
  release: z.string(),
  arch: z.string(),
})

export const BuiltPackagesAnswer = z.record(
  z.string(),
  z.strictObject({ packages: z.array(NevraAnswer) }),
)

export const BuildChrootConfigAnswer = z.strictObject({
  repos: z.array(RepoAnswer),
  additional_repos: z.array(z.string()),
  additional_packages: z.array(z.string()),
  with_opts: z.array(z.string()),
  without_opts: z.array(z.string()),
  enable_net: z.boolean(),
  is_background: z.boolean(),
  memory_limit: z.number().int(),
  timeout: z.number().int(),
  bootstrap: z.string().optional(),
  bootstrap_image: z.string().optional(),
})

function faultOfSourceUrl(text: string): string | undefined {
  const url = URL.parse(text)
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.hostname === '')
    return `A list of http[s] URLs separated by whitespace characters is needed ('${text}' doesn't seem to be a valid URL)`
  if (!/\.(no)?src\.rpm$/.test(url.pathname) && !isSpecName(url.pathname))
    return `URLs must end with .src.rpm, .nosrc.rpm, or .spec ('${text}' doesn't seem to be a valid URL)`
  return undefined
}
