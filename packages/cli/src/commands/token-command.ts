import { Command, InvalidArgumentError } from 'commander'
import { TOKEN_SCOPES, type TokenScope } from '@copr/contract/token-scopes'
import {
  issueNamedToken,
  listTokens,
  revokeToken,
  TOKEN_DAYS,
  type TokenSummary,
} from '@copr/domain/users/named-tokens'
import { requireUserNamed } from '@copr/domain/users/user-queries'
import { CoprError } from '@copr/process/errors'
import { administer, type Io } from './administer.ts'
import { subcommands } from './subcommands.ts'
import { requireProject } from './require-project.ts'

interface NewOptions {
  scope: TokenScope[]
  project?: string
  days: number
}

/** `coprctl token` manages API tokens, with which scripts act on behalf of users. */
export function tokenCommand(io: Io): Command {
  const token = new Command('token')
    .summary('list, create and revoke API tokens')
    .description('API tokens.')
  const sub = subcommands(token)

  administer(sub('list <user>', "list a user's tokens"), io, async ({ db }, [username = '']) => {
    const user = await requireUserNamed(db, username)
    return { value: (await listTokens(db, user.id)).map(factsOf) }
  })

  administer<NewOptions>(
    sub('new <user> <name>', 'create a named token, and print the configuration for copr-cli')
      .option(
        '--scope <scope>',
        `${Object.keys(TOKEN_SCOPES).join(', ')}; may be given more than once`,
        scopes,
        [],
      )
      .option('--project <owner/project>', 'limit the token to this project')
      .option(
        '--days <days>',
        'number of days for which the token is valid',
        Number,
        TOKEN_DAYS.default,
      ),
    io,
    async ({ db, actor, config, now }, [username = '', name = ''], { scope, project, days }) => {
      const user = await requireUserNamed(db, username)
      const project_id = project === undefined ? null : (await requireProject(db, project)).id
      const wanted = { name, scopes: scope, project_id, days }
      const issued = await issueNamedToken(db, actor, user, wanted, now)
      const { login, token: secret, expires_on } = issued
      return {
        value: { login, token: secret, expires_on },
        plain: [
          '[copr-cli]',
          `login = ${login}`,
          `username = ${username}`,
          `token = ${secret}`,
          `copr_url = ${config.public_url}`,
          ...(config.public_url.startsWith('http:') ? ['encrypted = False'] : []),
          `# expiration date: ${expires_on}`,
        ].join('\n'),
        words: `Created the token ${name} of ${username}; it is shown only once`,
      }
    },
  )

  administer<{ classic?: boolean }>(
    sub('revoke <user> [name]', 'revoke a named token immediately').option(
      '--classic',
      'the classic token, which has no name',
    ),
    io,
    async ({ db, actor, now }, [username = '', name], { classic }) => {
      if ((name === undefined) !== (classic ?? false))
        throw new CoprError('invalid', 'Cannot revoke: give either a name or --classic')
      const user = await requireUserNamed(db, username)
      const found = (await listTokens(db, user.id)).find((each) => each.name === (name ?? null))
      const shown = name === undefined ? 'classic token' : `token ${name}`
      if (!found) throw new CoprError('not_found', `${username} has no ${shown}`)
      await revokeToken(db, actor, user, found.id, now)
      return {
        value: { id: found.id },
        plain: name ?? 'classic',
        words: `Revoked the ${shown} of ${username}`,
      }
    },
  )
  return token
}

function scopes(text: string, before: TokenScope[]): TokenScope[] {
  const scope = Object.keys(TOKEN_SCOPES).find((each) => each === text)
  if (!scope) throw new InvalidArgumentError(`scopes are ${Object.keys(TOKEN_SCOPES).join(', ')}`)
  return [...before, scope as TokenScope]
}

function factsOf({
  name,
  scopes: may,
  project,
  created_at,
  expires_on,
  last_used_at,
}: TokenSummary) {
  return {
    name: name ?? '(classic)',
    scopes: may ?? 'all',
    project: project ? `${project.ownername}/${project.name}` : 'all',
    made: created_at,
    expires: expires_on,
    last_used: last_used_at,
  }
}
