import { Command } from 'commander'
import { createGroup } from '@copr/domain/groups/create-group'
import { deleteGroup } from '@copr/domain/groups/delete-group'
import { findGroup, type Group, listGroups, listMembers } from '@copr/domain/groups/group-queries'
import { addMember, removeMember } from '@copr/domain/groups/memberships'
import { requireUserNamed } from '@copr/domain/users/user-queries'
import { CoprError } from '@copr/process/errors'
import { administer, type Answer, type Io, type Task } from './administer.ts'
import { subcommands } from './subcommands.ts'

interface AddOptions {
  description?: string
  providerGroup?: string
}

/** `coprctl group` manages groups and their members. */
export function groupCommand(io: Io): Command {
  const group = new Command('group')
    .summary('manage groups and their members')
    .description('Groups.')
  const sub = subcommands(group)

  administer(sub('list', 'list all groups'), io, async ({ db }) => ({
    value: (await listGroups(db)).map(factsOf),
  }))

  administer<AddOptions>(
    sub('add <name>', 'add a group')
      .option('--description <text>', 'purpose of the group')
      .option(
        '--provider-group <name>',
        'take the members from this group of the identity provider',
      ),
    io,
    async ({ db, actor, now }, [name = ''], { description, providerGroup }) => {
      const made = await createGroup(db, actor, {
        name: aliasOf(name),
        now,
        ...(description === undefined ? {} : { description }),
        ...(providerGroup === undefined ? {} : { provider_group: providerGroup }),
      })
      return done(made, `Added group @${made.name}`)
    },
  )

  administer(
    sub('members <name>', 'list the members of a group'),
    io,
    async ({ db }, [name = '']) => {
      const members = await listMembers(db, (await requireGroup(db, name)).id)
      return { value: members.map(({ username, email }) => ({ name: username, email })) }
    },
  )

  administer(sub('join <name> <user>', 'make a user a member'), io, async (task, [name, user]) => {
    const [found, member] = await both(task, name, user)
    const { db, actor, now } = task
    const joined = await addMember(db, actor, { group: found, user: member }, now)
    return done(found, `${user} is ${joined ? 'now' : 'already'} a member of @${found.name}`)
  })

  administer(sub('leave <name> <user>', 'end a membership'), io, async (task, [name, user]) => {
    const [found, member] = await both(task, name, user)
    const { db, actor, now } = task
    const left = await removeMember(db, actor, { group: found, user: member }, now)
    return done(found, `${user} ${left ? 'is no longer' : 'was not'} a member of @${found.name}`)
  })

  administer(
    sub('delete <name>', 'delete a group that has no projects'),
    io,
    async ({ db, actor, now }, [name = '']) => {
      const found = await requireGroup(db, name)
      await deleteGroup(db, actor, found, now)
      return done(found, `Deleted group @${found.name}`)
    },
  )
  return group
}

async function both({ db }: Task, name = '', username = '') {
  return [await requireGroup(db, name), await requireUserNamed(db, username)] as const
}

async function requireGroup(db: Task['db'], name: string): Promise<Group> {
  const found = await findGroup(db, aliasOf(name))
  if (!found) throw new CoprError('not_found', `Group @${aliasOf(name)} does not exist`)
  return found
}

/** Removes the leading @ with which group names are usually written. */
function aliasOf(name: string): string {
  return name.replace(/^@/, '')
}

function done(group: Group, words: string): Answer {
  return { value: { id: group.id, name: `@${group.name}` }, plain: `@${group.name}`, words }
}

function factsOf({ name, provider_group, description, created_at }: Group): object {
  return { name: `@${name}`, provider_group, description, since: created_at }
}
