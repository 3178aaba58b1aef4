import { ListQuery, listOf } from '@copr/contract/api/lists'
import { z } from 'zod'
import { ForkProject } from '@copr/contract/api/fork'
import { AddProject, EditProject, ProjectAnswer, ProjectQuery } from '@copr/contract/api/projects'
import type { Page } from '@copr/domain/database/paging'
import { deleteProject } from '@copr/domain/projects/delete-project'
import { regenerateRepositories } from '@copr/domain/projects/regenerate-repositories'
import { allProjects, PROJECT_ORDERS, type Project } from '@copr/domain/projects/project-queries'
import { allFoundProjects, type ProjectSearch } from '@copr/domain/projects/search-projects'
import { CoprError } from '@copr/process/errors'
import type { Context } from 'hono'
import { resultsUrl } from '../frontend.ts'
import { type Api, answer, open, protectedBy, pathPart, requiredQuery } from '../http/answer.ts'
import { inProject } from '../http/in-project.ts'
import { metaOf, readPage } from '../http/paging.ts'
import { readForm } from '../http/read-form.ts'
import { mapParts, streamList } from '../http/stream-list.ts'
import { copyProject } from './copy-project.ts'
import { addProject } from './add-project.ts'
import { changeProject } from './change-project.ts'
import { requireProject } from '../api/find-or-404.ts'
import { presentProjects } from './present-project.ts'

export function projectRoutes(api: Api): void {
  const { frontend } = api
  const { db, now } = frontend
  const present = (projects: Project[]) =>
    presentProjects(db, projects, resultsUrl(frontend.config))
  const stream = (c: Context, projects: AsyncGenerator<Project[]>, page: Page) =>
    streamList(c, { parts: mapParts(projects, present), meta: metaOf(page), log: frontend.log })
  const presentOne = async (project: Project) => (await present([project]))[0]

  answer(api, '/project', {
    GET: open({ summary: 'A project', query: ProjectQuery, answer: ProjectAnswer }, async (c) => {
      const owner = requiredQuery(c, 'ownername')
      const name = requiredQuery(c, 'projectname')
      return c.json(await presentOne(await requireProject(db, owner, name)))
    }),
  })

  answer(api, '/project/list', {
    GET: open(
      {
        summary: 'The projects of one owner, or of all',
        query: ListQuery.extend({ ownername: z.string().optional() }),
        answer: listOf(ProjectAnswer),
      },
      async (c) => {
        const ownername = c.req.query('ownername')
        const page = readPage(c, PROJECT_ORDERS)
        const projects = allProjects(db, { ...(ownername ? { ownername } : {}), page })
        return await stream(c, projects, page)
      },
    ),
  })

  answer(api, '/project/search', {
    GET: open(
      {
        summary: 'Search projects by words, or by OWNER/PROJECT',
        query: ListQuery.extend({ query: z.string() }),
        answer: listOf(ProjectAnswer),
      },
      async (c) => {
        const search = searchOf(requiredQuery(c, 'query'))
        const page = readPage(c, PROJECT_ORDERS)
        // Newest first, unless the client requests another order.
        const ordered = c.req.query('order') ? page : { ...page, descending: true }
        return await stream(c, allFoundProjects(db, search, ordered), page)
      },
    ),
  })

  answer(api, '/project/add/:ownername', {
    POST: protectedBy(
      {
        summary: 'Create a project',
        access: 'create',
        scope: 'admin',
        query: z.object({ exist_ok: z.string().optional() }),
        body: AddProject,
        answer: ProjectAnswer,
      },
      async (c, user) => {
        const project = await addProject(frontend, {
          user,
          ownername: pathPart(c, 'ownername'),
          readForm: () => readForm(c),
          exist_ok: c.req.query('exist_ok') === 'True',
        })
        return c.json(await presentOne(project))
      },
    ),
  })

  answer(
    api,
    '/project/edit/:ownername/:projectname',
    {
      PUT: inProject(
        {
          summary: 'Change a project; omitted fields keep their values',
          access: 'edit',
          scope: 'edit',
          body: EditProject,
          answer: ProjectAnswer,
        },
        async (c, { user, project }) => {
          const changed = await changeProject(frontend, { user, project, form: await readForm(c) })
          return c.json(await presentOne(changed))
        },
      ),
    },
    { POST: 'PUT' },
  )

  answer(
    api,
    '/project/fork/:ownername/:projectname',
    {
      POST: inProject(
        {
          summary: 'Copy a project with its latest builds',
          access: 'create',
          scope: 'admin',
          body: ForkProject,
          answer: ProjectAnswer,
        },
        async (c, { user, project: source }) => {
          const project = await copyProject(frontend, { user, source, form: await readForm(c) })
          return c.json(await presentOne(project))
        },
      ),
    },
    { PUT: 'POST' },
  )

  answer(
    api,
    '/project/regenerate-repos/:ownername/:projectname',
    {
      PUT: inProject(
        {
          summary: 'Regenerate the metadata of all repositories',
          access: 'edit',
          scope: 'edit',
          answer: ProjectAnswer,
        },
        async (c, { user, project }) => {
          await regenerateRepositories(db, user, project, now())
          return c.json(await presentOne(project))
        },
      ),
    },
    { POST: 'PUT' },
  )

  answer(
    api,
    '/project/delete/:ownername/:projectname',
    {
      DELETE: inProject(
        {
          summary: 'Delete a project with its builds',
          access: 'delete',
          scope: 'admin',
          answer: ProjectAnswer,
        },
        async (c, { user, project }) => {
          const before = await presentOne(project)
          await deleteProject(db, user, project.id, now())
          return c.json(before)
        },
      ),
    },
    { POST: 'DELETE' },
  )
}

/**
 * Parses a search query: text with a slash is `OWNER/PROJECT`; any other text is a search for words. Throws if such a search has fewer than
 * three characters.
 */
export function searchOf(query: string): ProjectSearch {
  const text = query.trim()
  const slash = text.indexOf('/')
  if (slash >= 0) return { owner: text.slice(0, slash), project: text.slice(slash + 1) }
  if (text.length < 3) throw new CoprError('invalid', 'query: must have at least three characters')
  return { words: text }
}
