import { z } from 'zod'

/** An external dist-git from which users build packages by name. */
const DistgitInstance = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/),
  /** URL template with `{name}` for the name of the package, and optionally `{namespace}`. */
  clone_url: z.string().includes('{name}'),
  /** Replaces `{namespace}` if the user names none; without a default the user must name one. */
  default_namespace: z.string().optional(),
  /** If the user names no instance, the one with the highest priority is used. */
  priority: z.number().int().default(0),
})

const FEDORA = {
  name: 'fedora',
  clone_url: 'https://src.fedoraproject.org/{namespace}/{name}',
  default_namespace: 'rpms',
  priority: 100,
}
const CENTOS_STREAM = {
  name: 'centos-stream',
  clone_url: 'https://gitlab.com/redhat/centos-stream/{namespace}/{name}',
  default_namespace: 'rpms',
  priority: 0,
}

export const DistgitInstances = z
  .array(DistgitInstance)
  .nonempty()
  .default([FEDORA, CENTOS_STREAM])
  .describe(
    'dist-gits that a package can name as its source, each with `name`, `clone_url` (with `{name}` and `{namespace}`), and optionally `default_namespace` and `priority` (the highest is the default)',
  )
