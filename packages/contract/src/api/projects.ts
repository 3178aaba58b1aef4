import { z } from 'zod'
import { ProjectName } from '../names.ts'
import { Flag, Line, Text, WholeOrEmpty, Words, wordsWithout } from './form-fields.ts'

const Homepage = Line.refine((text) => text === '' || isPublicUrl(text), 'must be a URL')
const Contact = Line.refine(
  (text) => text === '' || isPublicUrl(text) || z.email().safeParse(text).success,
  'Contact must be email address or URL',
)
/** http(s) URLs, or `copr://OWNER/PROJECT`. */
export const Repositories = wordsWithout((url) =>
  isRepositoryUrl(url)
    ? undefined
    : `A list of http[s] URLs separated by whitespace characters is needed ('${url}' doesn't seem to be a valid URL): it is not copr://OWNER/PROJECT either`,
)
const Priority = WholeOrEmpty.pipe(z.number().min(1, 'must be 1 or more').max(1_000_000).optional())
/** Maximum number of characters in a long text. It is limited because every list of projects contains the texts in full. */
const MAX_PROSE = 100_000
const Prose = Text.pipe(z.string().max(MAX_PROSE, `has more than ${MAX_PROSE} characters`))
/** Days until the project is deleted; -1 means never. */
const DeleteAfterDays = z.preprocess(
  (value) => (value === '' ? -1 : value),
  WholeOrEmpty.pipe(
    z.number().min(-1, 'must be -1 to 720').max(720, 'must be -1 to 720').optional(),
  ),
)

const Settings = {
  chroots: Words.optional(),
  description: Prose.optional(),
  instructions: Prose.optional(),
  homepage: Homepage.optional(),
  contact: Contact.optional(),
  additional_repos: Repositories.optional(),
  repos: Repositories.optional(),
  runtime_dependencies: Repositories.optional(),
  devel_mode: Flag.optional(),
  disable_createrepo: Flag.optional(),
  unlisted_on_hp: Flag.optional(),
  enable_net: Flag.optional(),
  build_enable_net: Flag.optional(),
  auto_prune: Flag.optional(),
  bootstrap: Line.pipe(z.enum(['default', 'on', 'off', 'image'])).optional(),
  use_bootstrap_container: Flag.optional(),
  isolation: Line.pipe(z.enum(['default', 'nspawn', 'simple'])).optional(),
  follow_fedora_branching: Flag.optional(),
  multilib: Flag.optional(),
  module_hotfixes: Flag.optional(),
  fedora_review: Flag.optional(),
  /** Not in Copr: whether to check the packages of each build with rpmlint. */
  rpmlint: Flag.optional(),
  appstream: Flag.optional(),
  delete_after_days: DeleteAfterDays.optional(),
  packit_forge_projects_allowed: Words.optional(),
  repo_priority: Priority.optional(),
}

/** Query parameters that identify a project. */
export const ProjectQuery = z.object({ ownername: z.string(), projectname: z.string() })

export const EditProject = z.object(Settings)
export type EditProject = z.output<typeof EditProject>

export const AddProject = z.object({
  ...Settings,
  name: Line.pipe(ProjectName),
  chroots: Words.refine((chroots) => chroots.length > 0, 'at least one chroot is needed'),
  persistent: Flag.optional(),
  storage: Line.pipe(
    z.enum(['', 'backend'], 'this site stores results in the backend only'),
  ).optional(),
})
export type AddProject = z.output<typeof AddProject>

export const ProjectAnswer = z.strictObject({
  id: z.number().int(),
  name: z.string(),
  ownername: z.string(),
  full_name: z.string(),
  homepage: z.string().nullable(),
  contact: z.string().nullable(),
  description: z.string(),
  instructions: z.string(),
  devel_mode: z.boolean(),
  persistent: z.boolean(),
  unlisted_on_hp: z.boolean(),
  auto_prune: z.boolean(),
  enable_net: z.boolean(),
  bootstrap: z.string(),
  isolation: z.string(),
  module_hotfixes: z.boolean(),
  appstream: z.boolean(),
  follow_fedora_branching: z.boolean(),
  repo_priority: z.number().int().nullable(),
  storage: z.enum(['backend', 'pulp']),
  additional_repos: z.array(z.string()),
  packit_forge_projects_allowed: z.array(z.string()),
  /** Maps each chroot to the URL of its repository, with a trailing slash. */
  chroot_repos: z.record(z.string(), z.string()),
})
export type ProjectAnswer = z.infer<typeof ProjectAnswer>

/**
 * Whether a URL has an allowed scheme, and a host that is an IPv6 address or contains a dot. Names of hosts in a local network usually
 * contain no dot.
 */
function isPublicUrl(text: string): boolean {
  const url = URL.parse(text)
  if (!url || !['http:', 'https:', 'ftp:'].includes(url.protocol)) return false
  return url.hostname.includes('.') || url.hostname.startsWith('[')
}

function isRepositoryUrl(text: string): boolean {
  if (text.startsWith('copr://')) return /^copr:\/\/[^/?\s]+\/[^/?\s]+\/?(\?\S*)?$/.test(text)
  const url = URL.parse(text)
  return url !== null && ['http:', 'https:'].includes(url.protocol) && url.hostname !== ''
}
