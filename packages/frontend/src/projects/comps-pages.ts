import { compsOfChroot } from '@copr/domain/projects/edit-project-chroot'
import { Hono } from 'hono'
import { requireProjectChroot } from '../api/find-or-404.ts'
import type { Frontend } from '../frontend.ts'
import { pathPart } from '../http/answer.ts'
import { projectFile } from './on-project.ts'

/** Serves the comps file of a chroot as it was uploaded; the response is empty if there is none. */
export function compsPages(frontend: Frontend): Hono {
  const { db } = frontend
  const app = new Hono({ strict: false })
  projectFile(app, frontend, '/chroot/:chroot/comps', async (c, project) => {
    const chroot = await requireProjectChroot(db, project, pathPart(c, 'chroot'))
    return c.text((await compsOfChroot(db, chroot)) ?? '')
  })
  return app
}
