import {
  BuildAnswer,
  BuildOptions,
  BuildTarget,
  SourceBuildConfigAnswer,
} from '@copr/contract/api/builds'
import { DistgitBuild, SOURCE_FIELDS, SOURCE_TYPES } from '@copr/contract/api/sources'
import { targetOfForm } from './build-request.ts'
import { readSourceForm, submitSource } from './submit-source.ts'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, open, pathPart } from '../http/answer.ts'
import { inProjectOf } from '../http/in-project.ts'
import { requireBuild } from '../api/find-or-404.ts'
import { MEMORY_LIMIT, presentBuild } from './present-build.ts'

const SUMMARIES = {
  scm: 'Build from a Git or Subversion repository',
  distgit: 'Build a package from a DistGit instance',
  pypi: 'Build a project from PyPI',
  rubygems: 'Build a gem',
  custom: 'Build the output of a script',
} as const

/** Routes for builds whose source package is made by a builder, and for the settings of its source. */
export function sourceRoutes(api: Api): void {
  const { frontend } = api
  const { db } = frontend
  const fields = { ...SOURCE_FIELDS, distgit: DistgitBuild }

  for (const type of SOURCE_TYPES)
    answer(api, `/build/create/${type}`, {
      POST: inProjectOf(
        targetOfForm((_, sent) => readSourceForm(frontend, { ...sent, type })),
        {
          summary: SUMMARIES[type],
          access: 'build',
          scope: 'build',
          body: BuildTarget.extend(fields[type].shape).extend(BuildOptions.shape),
          answer: BuildAnswer,
        },
        async (c, submission) => {
          const id = await submitSource(frontend, submission)
          return c.json(presentBuild(await requireBuild(db, id), resultsUrl(frontend.config)))
        },
      ),
    })

  answer(api, '/build/source-build-config/:build_id{[0-9]+}', {
    GET: open(
      { summary: 'The source of a build’s source package', answer: SourceBuildConfigAnswer },
      async (c) => {
        const build = await requireBuild(db, Number(pathPart(c, 'build_id')))
        return c.json({
          source_type: build.source_type,
          source_dict: builderNames(build.source_json),
          memory_limit: MEMORY_LIMIT,
          timeout: build.timeout_seconds,
          is_background: build.is_background,
        })
      },
    ),
  })
}

/** Renames `source_build_method` to the name that Copr's builders expect. */
export function builderNames({
  source_build_method,
  ...others
}: Record<string, unknown>): Record<string, unknown> {
  if (source_build_method === undefined) return others
  return { ...others, srpm_build_method: source_build_method }
}
