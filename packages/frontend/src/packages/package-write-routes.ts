import { BuildAnswer, BuildOptions } from '@copr/contract/api/builds'
import { PackageAnswer, PackageSettings, PackageTarget } from '@copr/contract/api/packages'
import { SOURCE_FIELDS } from '@copr/contract/api/sources'
import { deletePackage } from '@copr/domain/packages/delete-package'
import { resetPackage } from '@copr/domain/packages/edit-package'
import type { Package } from '@copr/domain/packages/package-queries'
import type { Project } from '@copr/domain/projects/project-queries'
import type { Context } from 'hono'
import { checkOptions } from '../builds/build-request.ts'
import { submitPackage } from '../builds/submit-package.ts'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, pathPart, type UserRequest } from '../http/answer.ts'
import { inProject, inProjectOf } from '../http/in-project.ts'
import { type Form, parseForm, readForm } from '../http/read-form.ts'
import { changePackage, makePackage } from './change-package.ts'
import { requireBuild, requirePackage, requireProject } from '../api/find-or-404.ts'
import { presentBuild } from '../builds/present-build.ts'
import { presentPackage } from './present-package.ts'

/** The fields of all source types; which of them are required depends on the type. */
const SourceBody = PackageSettings.extend(SOURCE_FIELDS.scm.shape)
  .extend(SOURCE_FIELDS.distgit.shape)
  .extend(SOURCE_FIELDS.pypi.shape)
  .extend(SOURCE_FIELDS.rubygems.shape)
  .extend(SOURCE_FIELDS.custom.shape)
  .partial()

const PACKAGE_PATH = ':ownername/:projectname/:package_name'

export function packageWriteRoutes(api: Api): void {
  const { frontend } = api
  const { db, now } = frontend
  const edit = {
    access: 'edit',
    scope: 'edit',
    refusal: () => 'You are not allowed to add or edit packages in this copr.',
    answer: PackageAnswer,
  } as const

  answer(api, `/package/add/${PACKAGE_PATH}/:source_type`, {
    POST: inProject(
      { ...edit, summary: 'Add a package with its source', body: SourceBody },
      async (c, { user, project }) => {
        const wanted = { project, name: pathPart(c, 'package_name'), form: await readForm(c) }
        const type = pathPart(c, 'source_type')
        return show(c, project, await makePackage(frontend, user, { ...wanted, type }))
      },
    ),
  })

  for (const path of [PACKAGE_PATH, `${PACKAGE_PATH}/:source_type`])
    answer(api, `/package/edit/${path}`, {
      POST: inProject(
        {
          ...edit,
          summary:
            'Change a package; omitted fields keep their values unless the source type changes',
          body: SourceBody,
        },
        async (c, { user, project }) => {
          const sent = c.req.param('source_type')
          // python-copr sends None if no source type is given.
          const type = sent === 'None' ? undefined : sent
          const name = pathPart(c, 'package_name')
          const form = await readForm(c)
          return show(
            c,
            project,
            await changePackage(frontend, user, { project, name, form, type }),
          )
        },
      ),
    })

  answer(
    api,
    '/package/reset',
    {
      PUT: inProjectOf(
        targetOfForm,
        {
          ...edit,
          summary: 'Remove the source of a package',
          refusal: () => 'You are not allowed to reset package.',
          body: PackageTarget,
        },
        async (c, { user, project, name }) => {
          return show(c, project, await resetPackage(db, { actor: user, project, name }, now()))
        },
      ),
    },
    { POST: 'PUT' },
  )

  answer(
    api,
    '/package/delete',
    {
      DELETE: inProjectOf(
        targetOfForm,
        {
          ...edit,
          summary: 'Delete a package with all its builds',
          refusal: () => 'You are not allowed to delete package.',
          body: PackageTarget,
        },
        async (c, { user, project, name }) => {
          const found = await requirePackage(db, project, name)
          await deletePackage(db, { actor: user, project, name }, now())
          return show(c, project, found)
        },
      ),
    },
    { POST: 'DELETE' },
  )

  answer(api, '/package/build', {
    POST: inProjectOf(
      buildOfForm,
      {
        summary: 'Build a package from its stored source',
        access: 'build',
        refusal: () => "You don't have permissions to build in this copr.",
        scope: 'build',
        body: PackageTarget.extend(BuildOptions.shape),
        answer: BuildAnswer,
      },
      async (c, { user, ...wanted }) => {
        const id = await submitPackage(frontend, { ...wanted, by: user })
        return c.json(presentBuild(await requireBuild(db, id), resultsUrl(frontend.config)))
      },
    ),
  })

  function show(c: Context, project: Project, pack: Package): Response {
    return c.json(presentPackage(pack, project))
  }
}

/**
 * Finds the project and the package name that a form specifies. Throws a 400 if the form has no package name, and a 404 if the project does
 * not exist.
 */
async function targetOfForm({
  c,
  frontend,
}: UserRequest): Promise<{ project: Project; name: string; form: Form }> {
  const form = await readForm(c)
  const { ownername, projectname, package_name } = parseForm(PackageTarget, form)
  const project = await requireProject(frontend.db, ownername, projectname)
  return { project, name: package_name, form }
}

/**
 * Parses a form that requests a build of a package. The right to build is checked only after that, because clients expect errors in the
 * form to be reported before a 403.
 */
async function buildOfForm(request: UserRequest) {
  const { frontend } = request
  const { project, name, form } = await targetOfForm(request)
  const pack = await requirePackage(frontend.db, project, name)
  const options = parseForm(BuildOptions, form)
  await checkOptions(frontend, { project, options, pack })
  return { project, pack, options }
}
