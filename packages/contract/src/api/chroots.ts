import { z } from 'zod'
import { ProjectQuery } from './projects.ts'

/** Names a project's chroot in a query. */
export const ProjectChrootQuery = ProjectQuery.extend({ chrootname: z.string() })

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
  /** Only where it is not the default. */
  bootstrap: z.string().optional(),
  bootstrap_image: z.string().optional(),
})
export type ChrootBuildConfigAnswer = z.infer<typeof ChrootBuildConfigAnswer>

/** Chroot name to comment. */
export const MockChrootsAnswer = z.record(z.string(), z.string())
