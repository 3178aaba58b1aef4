import { z } from 'zod'

/** A path in a repository: relative, without parent directories, and not an option. */
const PathInRepository = z
  .string()
  .regex(/^[^-/]/, 'must be a relative path')
  .refine((path) => !path.split('/').includes('..'), 'must not contain ".."')

/** Fills the placeholders of a template, `{name}` and the like, with values; keeps unknown ones. */
export function fillTemplate(template: string, values: Record<string, string>): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole)
}

/** Where a dist-git keeps the files of a package; builders receive it with the task. */
export const DistgitLayout = z.object({
  /** The value of `{namespace}` if the user names no namespace; it may be empty. If this setting is missing, the user must name one. */
  default_namespace: z.string().optional(),
  /**
   * Template for the URLs of the files in the list of sources, with the placeholders `{name}`, `{namespace}`, `{filename}`, `{hashtype}`
   * (such as `sha512`), `{hash}` and `{ref}` (the branch, tag or commit). If it is missing, the dist-git keeps all sources in its
   * repositories.
   */
  lookaside_url: z
    .url({ protocol: /^https?$/ })
    .includes('{hash}')
    .optional(),
  /** Path of the file that lists the sources; `{name}` is the name of the package. */
  sources_file: PathInRepository.default('sources'),
  /** The directory of the spec file. */
  specs_dir: PathInRepository.default('.'),
  /** The directory of the sources. */
  sources_dir: PathInRepository.default('.'),
})
export type DistgitLayout = z.output<typeof DistgitLayout>

/** An external dist-git from which users build packages by name. */
const DistgitInstance = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/),
  /** URL template with `{name}` for the name of the package, and optionally `{namespace}`. */
  clone_url: z.string().includes('{name}'),
  /** If the user names no instance, the one with the highest priority is used. */
  priority: z.number().int().default(0),
  ...DistgitLayout.shape,
})

const FEDORA = {
  name: 'fedora',
  clone_url: 'https://src.fedoraproject.org/{namespace}/rpms/{name}.git',
  default_namespace: '',
  priority: 100,
  lookaside_url:
    'https://src.fedoraproject.org/repo/pkgs/rpms/{name}/{filename}/{hashtype}/{hash}/{filename}',
}
const CENTOS = {
  name: 'centos',
  clone_url: 'https://git.centos.org/{namespace}/rpms/{name}.git',
  default_namespace: '',
  priority: 80,
  lookaside_url: 'https://git.centos.org/sources/{name}/{ref}/{hash}',
  sources_file: '.{name}.metadata',
  specs_dir: 'SPECS',
  sources_dir: 'SOURCES',
}
const CENTOS_STREAM = {
  name: 'centos-stream',
  clone_url: 'https://gitlab.com/redhat/centos-stream/{namespace}/{name}.git',
  default_namespace: 'rpms',
  priority: 0,
  lookaside_url:
    'https://sources.stream.centos.org/sources/rpms/{name}/{filename}/{hashtype}/{hash}/{filename}',
}

export const DistgitInstances = z
  .array(DistgitInstance)
  .nonempty()
  .prefault([FEDORA, CENTOS, CENTOS_STREAM])
  .describe('dist-gits that a package can name as its source ([distgit.md](distgit.md))')
