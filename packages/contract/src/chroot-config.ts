import { z } from 'zod'
import { ChrootName } from './names.ts'

/**
 * A dnf repository of a buildroot. Keys and certificates are read on the builder: a path or a `file:` URL names a file of that
 * machine, under /etc/pki or /usr.
 */
export const RepoConfig = z.object({
  id: z.string().regex(/^[A-Za-z0-9_.:-]+$/),
  name: z.string(),
  /** Empty if a metalink or a mirrorlist is used instead. */
  baseurl: z.string().default(''),
  metalink: z.string().optional(),
  mirrorlist: z.string().optional(),
  priority: z.number().int().nullable().default(null),
  module_hotfixes: z.boolean().nullable().default(null),
  gpgcheck: z.boolean().default(false),
  repo_gpgcheck: z.boolean().nullable().default(null),
  gpgkey: z.string().nullable().default(null),
  /**
   * Path of the CA certificate with which the server is verified; the next two fields are the paths of the client certificate and its key.
   */
  sslcacert: z.string().optional(),
  sslclientcert: z.string().optional(),
  sslclientkey: z.string().optional(),
})
export type RepoConfig = z.infer<typeof RepoConfig>

/** The definition of a chroot. It is data and contains no code. */
export const ChrootConfig = z.object({
  name: ChrootName,
  comment: z.string().default(''),
  repos: z
    .array(
      RepoConfig.refine(
        ({ baseurl, metalink, mirrorlist }) => Boolean(baseurl || metalink || mirrorlist),
        'a repository needs a baseurl, a metalink or a mirrorlist',
      ),
    )
    .min(1),
  /** The packages that are installed first into every buildroot. */
  install: z.array(z.string()).min(1),
  /** RPM macros defined for every build, without the leading `%`. */
  macros: z.record(z.string(), z.string()).default({}),
  /** Tags that a builder must have, in addition to the architecture, to run builds of this chroot. */
  tags: z.array(z.string()).default([]),
})
export type ChrootConfig = z.infer<typeof ChrootConfig>
