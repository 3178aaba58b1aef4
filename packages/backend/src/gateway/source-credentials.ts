import type { SourceTask } from '@copr/contract/builder-protocol'
import { isSameRepository } from '@copr/contract/repository-url'
import { sealedSecrets, secretName } from '@copr/domain/secrets/project-secrets'
import { packageSource } from '@copr/domain/packages/package-queries'
import type { TaskContext } from '@copr/domain/queue/task-context'
import type { Backend } from '../context.ts'

/** Source types whose sources come from git repositories. */
const OF_GIT = ['scm', 'distgit']

/**
 * Returns the git credentials for the source step of a build, or undefined if it needs none. Pull requests from other repositories get
 * none: their authors could use them, for example through a submodule, to read data that is restricted to members of the project.
 */
export async function sourceCredentials(
  { db, keygen }: Pick<Backend, 'db' | 'keygen'>,
  { build, project, dirname }: Pick<TaskContext, 'build' | 'project' | 'dirname'>,
): Promise<SourceTask['credentials']> {
  if (!OF_GIT.includes(build.source_type)) return undefined
  const secrets = await sealedSecrets(db, project.id, 'git')
  if (secrets.length === 0) return undefined
  if (dirname.includes(':pr:') && !(await isOwnSource(db, build))) return undefined
  return await Promise.all(
    secrets.map(async (secret) => ({
      url: secret.url,
      username: secret.username ?? '',
      password: await keygen.open({ ...secretName(secret), sealed: secret.sealed }),
    })),
  )
}

/** Whether a build's source is the repository that its package is configured with. */
async function isOwnSource(
  db: Backend['db'],
  { package_id, source_json }: TaskContext['build'],
): Promise<boolean> {
  const own = package_id === null ? undefined : await packageSource(db, package_id)
  const [a, b] = [own?.['clone_url'], source_json['clone_url']]
  return typeof a === 'string' && typeof b === 'string' && isSameRepository(a, b)
}
