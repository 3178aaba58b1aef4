import {
  CanBuildInAnswer,
  PermissionsAnswer,
  PermissionsRequestedAnswer,
  PermissionsSetAnswer,
  RequestPermissions,
  SetPermissions,
} from '@copr/contract/api/permissions'
import {
  listPermissions,
  requestPermissions,
  setPermissions,
} from '@copr/domain/permissions/permissions'
import { requireRight, rightsIn } from '@copr/domain/projects/project-access'
import type { Project } from '@copr/domain/projects/project-queries'
import { onTheWeb } from '@copr/domain/audit/actor'
import { findUser } from '@copr/domain/users/user-queries'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import { type Api, answer, open, pathPart, protectedBy } from '../http/answer.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { requireProject } from '../api/find-or-404.ts'

export function permissionRoutes(api: Api): void {
  const { db, now } = api.frontend

  answer(api, '/project/permissions/can_build_in/:who/:ownername/:projectname', {
    GET: open(
      { summary: 'May this user build in the project?', answer: CanBuildInAnswer },
      async (c) => {
        const project = await projectOf(c)
        const who = pathPart(c, 'who')
        const user = await findUser(db, who)
        if (!user) throw new CoprError('not_found', `User ${who} does not exist`)
        const { build } = await rightsIn(db, onTheWeb(user), project)
        const { ownername, name: projectname } = project
        return c.json({ who, ownername, projectname, can_build_in: build })
      },
    ),
  })

  answer(api, '/project/permissions/get/:ownername/:projectname', {
    GET: protectedBy(
      {
        summary: 'Who has or wants which role in the project',
        access: 'edit',
        scope: 'read',
        answer: PermissionsAnswer,
      },
      async (c, user) => {
        const project = await projectOf(c)
        await requireRight(db, user, project, 'edit')
        const found = await listPermissions(db, project.id)
        if (found.length === 0)
          throw new CoprError(
            'not_found',
            `No permissions are set in ${project.ownername}/${project.name}`,
          )
        const permissions = Object.fromEntries(
          found.map(({ username, admin, builder }) => [username, { admin, builder }]),
        )
        return c.json({ permissions })
      },
    ),
  })

  answer(
    api,
    '/project/permissions/set/:ownername/:projectname',
    {
      PUT: protectedBy(
        {
          summary: 'Give roles to users, or take them',
          access: 'edit',
          scope: 'admin',
          gives: ['build', 'edit'],
          body: SetPermissions,
          answer: PermissionsSetAnswer,
        },
        async (c, user) => {
          const project = await projectOf(c)
          await requireRight(db, user, project, 'edit')
          const wanted = parseForm(SetPermissions, await readForm(c))
          const updated = await setPermissions(db, user, { project, wanted, now: now() })
          return c.json({ updated })
        },
      ),
    },
    { POST: 'PUT' },
  )

  answer(
    api,
    '/project/permissions/request/:ownername/:projectname',
    {
      PUT: protectedBy(
        {
          summary: 'Ask for a role in the project, or give it up',
          access: 'user',
          scope: 'admin',
          body: RequestPermissions,
          answer: PermissionsRequestedAnswer,
        },
        async (c, user) => {
          const project = await projectOf(c)
          const roles = parseForm(RequestPermissions, await readForm(c))
          const updated = await requestPermissions(db, user, { project, roles, now: now() })
          return c.json({ updated })
        },
      ),
    },
    { POST: 'PUT' },
  )

  async function projectOf(c: Context): Promise<Project> {
    return await requireProject(db, pathPart(c, 'ownername'), pathPart(c, 'projectname'))
  }
}
