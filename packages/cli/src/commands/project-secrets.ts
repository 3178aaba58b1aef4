import { formFaults } from '@copr/contract/api/form-fields'
import { NewProjectSecret } from '@copr/contract/api/webhooks'
import {
  deleteSecret,
  listSecrets,
  secretName,
  setSecret,
} from '@copr/domain/secrets/project-secrets'
import { keygenClient } from '@copr/keygen-client/keygen-client'
import { CoprError } from '@copr/process/errors'
import type { Command } from 'commander'
import { administer, type Answer, type Io, type Task } from './administer.ts'
import { requireProject } from './require-project.ts'
import { secretFromStdin } from './secret-from-stdin.ts'

interface GitOptions {
  url: string
  username: string
}
interface TokenOptions {
  url: string
  forge: string
  apiUrl?: string
}

/** Adds the commands for the git credentials and forge tokens of a project. The secrets are read from standard input and never shown. */
export function addSecretCommands(sub: (usage: string, summary: string) => Command, io: Io): void {
  administer(
    sub('secrets <owner/project>', 'list the secrets of a project, without their values'),
    io,
    async ({ db }, [name = '']) => {
      const { id } = await requireProject(db, name)
      const found = await listSecrets(db, id)
      return { value: found.map(({ project_id: _, ...secret }) => secret) }
    },
  )

  administer<GitOptions>(
    sub('set-git <owner/project>', 'set git credentials; the password is read from standard input')
      .requiredOption('--url <url>', 'beginning of the URLs of the repositories')
      .requiredOption('--username <name>', 'user of the repositories'),
    io,
    async (task, [name = ''], { url, username }) =>
      await store(task, name, { kind: 'git', url, username }),
  )

  administer<TokenOptions>(
    sub(
      'set-token <owner/project>',
      'set the token for commit statuses on a forge; it is read from standard input',
    )
      .requiredOption('--url <url>', 'URL of the forge, such as https://github.com')
      .requiredOption('--forge <name>', 'github, gitlab or forgejo')
      .option('--api-url <url>', 'base URL of its API, if it is not the usual one'),
    io,
    async (task, [name = ''], { url, forge, apiUrl: api_url }) =>
      await store(task, name, { kind: 'forge', url, forge, api_url }),
  )

  administer(
    sub('delete-secret <owner/project> <id>', 'delete a secret of a project'),
    io,
    async ({ db, actor, now }, [name = '', text = '']) => {
      const project = await requireProject(db, name)
      const id = /^\d{1,15}$/.test(text) ? Number(text) : -1
      if (!(await deleteSecret(db, actor, { project, id, now })))
        throw new CoprError('not_found', `Secret ${text} does not exist in ${name}`)
      return { value: { id }, plain: text, words: `Deleted secret ${id} of ${name}` }
    },
  )
}

async function store(
  { db, config, actor, now, io }: Task,
  name: string,
  described: object,
): Promise<Answer> {
  const project = await requireProject(db, name)
  const password = await secretFromStdin(io, 'pipe it in')
  const parsed = NewProjectSecret.safeParse({ ...described, password })
  if (!parsed.success) throw new CoprError('invalid', formFaults(parsed.error))
  const { password: value, ...secret } = parsed.data
  const { kind, url } = secret
  const named = secretName({ project_id: project.id, kind, url })
  const sealed = await keygenClient(config.keygen).seal({ ...named, secret: value })
  await setSecret(db, actor, { project, secret, sealed, now })
  return {
    value: { project: name, kind, url },
    plain: url,
    words: `Set the secret of ${name} for ${url}`,
  }
}
