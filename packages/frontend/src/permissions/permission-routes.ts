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
import { rightsIn } from '@copr/domain/projects/project-access'
import { onTheWeb } from '@copr/domain/audit/actor'
import { findUser } from '@copr/domain/users/user-queries'
import { CoprError } from '@copr/process/errors'
import { type Api, answer, open, pathPart } from '../http/answer.ts'
import { inProject } from '../http/in-project.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { requireProject } from '../api/find-or-404.ts'

export function permissionRoutes(api: Api): void {
  const { db, now } = api.frontend

  answer(api, '/project/permissions/can_build_in/:who/:ownername/:projectname', {
    GET: open(
      { summary: 'Check whether a user may build in the project', answer: CanBuildInAnswer },
      async (c) => {
        const project = await requireProject(
          db,
          pathPart(c, 'ownername'),
          pathPart(c, 'projectname'),
        )
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
    GET: inProject(
      {
        summary: 'The roles that users have or request in the project',
        access: 'edit',
        refusal: (user, project) =>
          `User '${user}' can not see permissions for project '${project}' (missing admin rights).`,
        scope: 'read',
        answer: PermissionsAnswer,
      },
      async (c, { project }) => {
        const found = await listPermissions(db, project.id)
        if (found.length === 0)
          throw new CoprError(
            'not_found',
            `No permissions set on ${project.ownername}/${project.name} project`,
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
      PUT: inProject(
        {
          summary: 'Grant or revoke roles of users',
          access: 'edit',
          refusal: () => 'Only owners and admins may update their projects permissions.',
          scope: 'admin',
          gives: ['build', 'edit'],
          body: SetPermissions,
          answer: PermissionsSetAnswer,
        },
        async (c, { user, project }) => {
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
      PUT: inProject(
        {
          summary: 'Request a role in the project, or give one up',
          access: 'user',
          scope: 'admin',
          body: RequestPermissions,
          answer: PermissionsRequestedAnswer,
        },
        async (c, { user, project }) => {
          const roles = parseForm(RequestPermissions, await readForm(c))
          const updated = await requestPermissions(db, user, { project, roles, now: now() })
          return c.json({ updated })
        },
      ),
    },
    { POST: 'PUT' },
  )
}
