import { Command } from 'commander'
import { groupsOfUser } from '@copr/domain/groups/group-queries'
import { addUser, setAdministrator, setBlocked, setPassword } from '@copr/domain/users/change-user'
import { makeLoginLink } from '@copr/domain/logins/login-links'
import {
  type Account,
  findAccount,
  listAccounts,
  requireUserNamed,
} from '@copr/domain/users/user-queries'
import type { User } from '@copr/domain/audit/actor'
import { loginUrl } from '../up/administrator.ts'
import { administer, type Answer, type Io, type Task } from './administer.ts'
import { secretFromStdin } from './secret-from-stdin.ts'
import { subcommands } from './subcommands.ts'

interface AddOptions {
  email?: string
  admin?: boolean
  passwordStdin?: boolean
}

/** Other ways to set a password, for the error when standard input is a terminal. */
const INSTEAD = 'pipe it in, or let the user set it: coprctl user link'

/** `coprctl user` manages users. */
export function userCommand(io: Io): Command {
  const user = new Command('user').summary('add, show and block users').description('Users.')
  const sub = subcommands(user)

  administer(sub('list', 'list all users'), io, async ({ db }) => ({
    value: (await listAccounts(db)).map(factsOf),
  }))

  administer(sub('show <name>', 'show a user'), io, async ({ db }, [name = '']) => {
    const { id } = await requireUserNamed(db, name)
    const account = await findAccount(db, name)
    const groups = (await groupsOfUser(db, id)).map((group) => `@${group.name}`)
    return { value: { ...(account && factsOf(account)), groups } }
  })

  administer<AddOptions>(
    sub('add <name>', 'add a user, who sets a password with a link that works once')
      .option('--email <address>', 'e-mail address')
      .option('--admin', 'make the user an administrator of the site')
      .option('--password-stdin', 'read the password from standard input and create no link'),
    io,
    async (task, [username = ''], { email, admin, passwordStdin }) => {
      const { db, actor, now } = task
      const password = passwordStdin ? await secretFromStdin(io, INSTEAD) : undefined
      const made = await addUser(db, actor, {
        username,
        is_admin: admin ?? false,
        now,
        ...(email === undefined ? {} : { email }),
        ...(password === undefined ? {} : { password }),
      })
      if (password !== undefined)
        return { value: nameOf(made), plain: username, words: `Added user ${username}` }
      return await link(task, made, `Added user ${username}, who sets a password`)
    },
  )

  administer(
    sub('link <name>', 'print a link with which a user sets a password, once, within a day'),
    io,
    async (task, [name = '']) => {
      const found = await requireUserNamed(task.db, name)
      return await link(task, found, `${name} sets a password`)
    },
  )

  administer(
    sub('password <name>', 'set a password, read from standard input'),
    io,
    async ({ db, actor, now }, [name = '']) => {
      const found = await requireUserNamed(db, name)
      const password = await secretFromStdin(io, INSTEAD)
      await setPassword(db, actor, found, { password, now })
      return done(found, `Set the password of ${name}, who is logged out everywhere`)
    },
  )

  for (const blocked of [true, false])
    administer(
      blocked
        ? sub('block <name>', 'prevent a user from logging in and from using tokens')
        : sub('unblock <name>', 'unblock a user'),
      io,
      async ({ db, actor, now }, [name = '']) => {
        const found = await requireUserNamed(db, name)
        await setBlocked(db, actor, found, { blocked, now })
        return done(found, `${blocked ? 'Blocked' : 'Unblocked'} ${name}`)
      },
    )

  administer<{ off?: boolean }>(
    sub('admin <name>', 'make a user an administrator of the site').option(
      '--off',
      'make an administrator an ordinary user',
    ),
    io,
    async ({ db, actor, now }, [name = ''], { off }) => {
      const found = await requireUserNamed(db, name)
      await setAdministrator(db, actor, found, { is_admin: !off, now })
      return done(found, `${name} is ${off ? 'no longer' : 'now'} an administrator of the site`)
    },
  )
  return user
}

async function link({ db, config, actor, now }: Task, user: User, who: string): Promise<Answer> {
  const url = loginUrl(config.public_url, await makeLoginLink(db, actor, user, now))
  return {
    value: { ...nameOf(user), login_url: url },
    plain: url,
    words: `${who} with this link, once, within a day`,
  }
}

function done(user: User, words: string): Answer {
  return { value: nameOf(user), plain: user.username, words }
}

function nameOf({ id, username }: User): object {
  return { id, username }
}

function factsOf({ username, email, is_admin, blocked_at, created_at, ...rest }: Account): object {
  const login = rest.oidc_subject === null ? (rest.has_password ? 'password' : 'none') : 'provider'
  return {
    name: username,
    email,
    admin: is_admin,
    blocked: blocked_at !== null,
    login,
    since: created_at,
  }
}
