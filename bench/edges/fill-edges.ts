import { openDb } from '@copr/domain/database/open'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import { createProject } from '@copr/domain/projects/create-project'
import { onTheWeb } from '@copr/domain/audit/actor'
import { issueToken } from '@copr/domain/users/api-tokens'
import { createUser } from '@copr/domain/users/user-queries'

const PROJECTS = 200
const CHROOT = 'fedora-43-x86_64'

/** Creates users and projects; returns the Authorization header of the user who sends large forms. */
export async function fillEdges(database_url: string): Promise<string> {
  const now = new Date()
  const db = openDb(database_url)
  const config = { name: CHROOT, comment: '', repos: [], install: ['bash'], macros: {}, tags: [] }
  await importChroot(db, config, now)
  const dana = onTheWeb(await createUser(db, { username: 'dana', password: 'correct horse', now }))
  for (let i = 1; i <= PROJECTS; i++)
    await createProject(db, dana, {
      ownername: 'dana',
      name: `hello-${i}`,
      user_id: dana.id,
      chroots: [CHROOT],
      settings: {},
      now,
    })
  const { login, token } = await issueToken(db, dana.id, { now, days: 1 })
  await db.destroy()
  return `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`
}
