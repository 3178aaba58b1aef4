import { EditProject } from '@copr/contract/api/projects'
import { deleteProject } from '@copr/domain/projects/delete-project'
import { editProject } from '@copr/domain/projects/edit-project'
import { canDelete, canEdit } from '@copr/domain/projects/project-access'
import {
  listProjects,
  PROJECT_ORDERS,
  type Project,
  type ProjectSearch,
  searchProjects,
} from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import { Hono } from 'hono'
import { type Frontend, resultsUrl } from '../frontend.ts'
import { answer, pathPart, requiredQuery } from '../http/answer.ts'
import { requireUser } from '../http/authenticate.ts'
import { metaOf, readPage } from '../http/paging.ts'
import { parseForm, readForm } from '../http/read-form.ts'
import { addProject } from '../projects/add-project.ts'
import { requireProject } from './find-or-404.ts'
import { presentProjects } from './present-project.ts'
import { checkSettings, requireAdminSettings, settingsOf } from './project-form.ts'

export function projectRoutes(frontend: Frontend): Hono {
  const { db, now } = frontend
  const app = new Hono({ strict: false })
  const present = (projects: Project[]) =>
    presentProjects(db, projects, resultsUrl(frontend.config))
  const presentOne = async (project: Project) => (await present([project]))[0]

  answer(app, '/project', {
    GET: async (c) => {
      const owner = requiredQuery(c, 'ownername')
      const name = requiredQuery(c, 'projectname')
      return c.json(await presentOne(await requireProject(db, owner, name)))
    },
  })

  answer(app, '/project/list', {
    GET: async (c) => {
      const ownername = c.req.query('ownername')
      const page = readPage(c, PROJECT_ORDERS)
      const projects = await listProjects(db, { ...(ownername ? { ownername } : {}), page })
      return c.json({ items: await present(projects), meta: metaOf(page) })
    },
  })

  answer(app, '/project/search', {
    GET: async (c) => {
      const search = searchOf(requiredQuery(c, 'query'))
      const page = readPage(c, PROJECT_ORDERS)
      // Newest first, unless the client wants it otherwise.
      const ordered = c.req.query('order') ? page : { ...page, descending: true }
      const projects = await searchProjects(db, search, ordered)
      return c.json({ items: await present(projects), meta: metaOf(page) })
    },
  })

  answer(app, '/project/add/:ownername', {
    POST: async (c) => {
      const user = await requireUser(c, frontend)
      const project = await addProject(frontend, {
        user,
        ownername: pathPart(c, 'ownername'),
        readForm: () => readForm(c),
        exist_ok: c.req.query('exist_ok') === 'True',
      })
      return c.json(await presentOne(project))
    },
  })

  answer(
    app,
    '/project/edit/:ownername/:projectname',
    {
      PUT: async (c) => {
        const user = await requireUser(c, frontend)
        const project = await requireProject(
          db,
          pathPart(c, 'ownername'),
          pathPart(c, 'projectname'),
        )
        const form = parseForm(EditProject, await readForm(c))
        const settings = settingsOf(form, now())
        await checkSettings(db, settings)
        if (!canEdit(user, project))
          throw new CoprError('forbidden', `You cannot change ${project.ownername}/${project.name}`)
        requireAdminSettings(user, settings)
        const changed = await editProject(db, project.id, {
          settings,
          chroots: form.chroots,
          now: now(),
        })
        if (form.chroots) await frontend.untilPublished(project.id)
        return c.json(await presentOne(changed))
      },
    },
    { POST: 'PUT' },
  )

  answer(
    app,
    '/project/delete/:ownername/:projectname',
    {
      DELETE: async (c) => {
        const user = await requireUser(c, frontend)
        const project = await requireProject(
          db,
          pathPart(c, 'ownername'),
          pathPart(c, 'projectname'),
        )
        if (project.persistent)
          throw new CoprError('forbidden', `${project.name} is persistent: it cannot be deleted`)
        if (!canDelete(user, project))
          throw new CoprError('forbidden', `You cannot delete ${project.ownername}/${project.name}`)
        const before = await presentOne(project)
        await deleteProject(db, project.id, now())
        return c.json(before)
      },
    },
    { POST: 'DELETE' },
  )
  return app
}

/** With a slash: owner and project; words otherwise. */
export function searchOf(query: string): ProjectSearch {
  const text = query.trim()
  const slash = text.indexOf('/')
  if (slash >= 0) return { owner: text.slice(0, slash), project: text.slice(slash + 1) }
  if (text.length < 3) throw new CoprError('invalid', 'query: at least three characters are needed')
  return { words: text }
}
