import { Command } from 'commander'
import { deleteProject } from '@copr/domain/projects/delete-project'
import { isOffered, listProjectChroots } from '@copr/domain/projects/project-chroots'
import { listProjects, type Project } from '@copr/domain/projects/project-queries'
import { regenerateRepositories } from '@copr/domain/projects/regenerate-repositories'
import { keygenClient } from '@copr/keygen-client/keygen-client'
import { administer, type Io } from './administer.ts'
import { addSecretCommands } from './project-secrets.ts'
import { rotateProjectKey } from './rotate-project-key.ts'
import { subcommands } from './subcommands.ts'
import { requireProject } from './require-project.ts'

/** `coprctl project` manages the projects of all users. */
export function projectCommand(io: Io): Command {
  const project = new Command('project')
    .summary('list, delete and repair projects')
    .description('Projects.')
  const sub = subcommands(project)

  administer(
    sub('list [owner]', 'list all projects, or those of an owner'),
    io,
    async ({ db }, [ownername]) => {
      const page = { offset: 0, order: 'id', descending: false } as const
      const projects = await listProjects(db, {
        page,
        ...(ownername === undefined ? {} : { ownername }),
      })
      return { value: projects.map(factsOf) }
    },
  )

  administer(sub('show <owner/project>', 'show a project'), io, async ({ db }, [name = '']) => {
    const found = await requireProject(db, name)
    const chroots = (await listProjectChroots(db, [found.id])).filter(isOffered)
    const { homepage, contact, description, key_fingerprint } = found
    const more = { homepage, contact, description, key_fingerprint }
    return { value: { ...factsOf(found), ...more, chroots: chroots.map((chroot) => chroot.name) } }
  })

  administer(
    sub('delete <owner/project>', 'delete a project with its builds and repositories'),
    io,
    async ({ db, actor, now }, [name = '']) => {
      const found = await requireProject(db, name)
      await deleteProject(db, actor, found.id, now)
      return { value: { id: found.id, name }, plain: name, words: `Deleted ${name}` }
    },
  )

  administer(
    sub('regenerate <owner/project>', "regenerate the metadata of a project's repositories"),
    io,
    async ({ db, actor, now }, [name = '']) => {
      const found = await requireProject(db, name)
      const repositories = await regenerateRepositories(db, actor, found, now)
      const words = `${repositories} repositories of ${name} are rewritten`
      return { value: { id: found.id, name, repositories }, plain: name, words }
    },
  )
  administer(
    sub(
      'rotate-key <owner/project>',
      'give a project a new signing key; the previous one stays published',
    ),
    io,
    async ({ db, config, actor, now }, [name = '']) => {
      const found = await requireProject(db, name)
      const { from, to } = await rotateProjectKey(db, keygenClient(config.keygen), found, {
        actor,
        now,
      })
      const words = `${name} now signs with ${to}; ${from} stays in pubkey.gpg for packages that it signed`
      return { value: { name, from, to }, plain: to, words }
    },
  )
  addSecretCommands(sub, io)
  return project
}

function factsOf({ id, ownername, name, persistent, created_at }: Project): object {
  return { id, name: `${ownername}/${name}`, persistent, since: created_at }
}
