import { z } from 'zod'
import { ChrootName } from './names.ts'

/** A dnf repository as a build root sees it. */
export const RepoConfig = z.object({
  id: z.string().regex(/^[A-Za-z0-9_.:-]+$/),
  name: z.string(),
  baseurl: z.string(),
  priority: z.number().int().nullable().default(null),
  module_hotfixes: z.boolean().nullable().default(null),
  gpgcheck: z.boolean().default(false),
  repo_gpgcheck: z.boolean().nullable().default(null),
  gpgkey: z.string().nullable().default(null),
})
export type RepoConfig = z.infer<typeof RepoConfig>

/** What a chroot is: data, never code. */
export const ChrootConfig = z.object({
  name: ChrootName,
  comment: z.string().default(''),
  repos: z.array(RepoConfig).min(1),
  /** The packages every build root begins with. */
  install: z.array(z.string()).min(1),
  /** RPM macros defined for every build, without the leading `%`. */
  macros: z.record(z.string(), z.string()).default({}),
  /** What a builder must offer to run builds of this chroot, beside the architecture. */
  tags: z.array(z.string()).default([]),
})
export type ChrootConfig = z.infer<typeof ChrootConfig>
