import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { locationOfTask } from '@copr/domain/queue/task-context'
import { compsOfRepository } from '@copr/domain/repositories/repository-comps'
import {
  markPublished,
  repositoriesWithUnmarkedBuilds,
  loadIndexedRepository,
  type IndexedRepository,
  repositoryMembers,
  republish,
  unpublishedRepositories,
  withRepositoryLock,
} from '@copr/domain/repositories/publishing'
import { issueIndexTicket } from '@copr/domain/signing/tickets'
import { signDetached } from '@copr/keygen-client/signing'
import { resultsOf } from '../build-location.ts'
import type { Backend } from '../context.ts'
import { projectDirPath, repositoryPath } from '../store/paths.ts'
import { type SigningKey, withProjectKey } from './project-key.ts'
import { writeRepodata } from './write-repodata.ts'

/**
 * Renders the index of every repository whose members have changed. A repository that fails does not hold up the others;
 * several calls may run at the same time, so that a large repository does not either.
 */
export async function publishDueRepositories(backend: Backend, stop: AbortSignal): Promise<void> {
  const { db, log } = backend
  for (const { id, published_generation } of await repositoriesWithUnmarkedBuilds(db))
    await announce(backend, { id, generation: published_generation })
  for (const id of await unpublishedRepositories(db)) {
    if (stop.aborted) return
    try {
      await withRepositoryLock(db, id, (stillLocked) =>
        renderRepository(backend, id, stillLocked, stop),
      )
    } catch (err) {
      if (stop.aborted) return
      log.error({ err, repository_id: id }, 'Cannot publish a repository, retrying')
    }
  }
}

async function renderRepository(
  backend: Backend,
  id: number,
  stillLocked: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { db, store, log, now, at = () => undefined } = backend
  // The generation is read before the members, so they are at least as new.
  const repository = await loadIndexedRepository(db, id)
  if (!repository || repository.generation <= repository.published_generation) return
  const started = performance.now()
  at('render')
  const members = await repositoryMembers(db, id)
  const comps = await compsOfRepository(db, id)
  const path = repositoryPath(repository)
  await store.makeDir(path)
  await using workspace = await store.openIndex(path, repository)
  await writeRepodata(workspace, {
    members,
    comps,
    is_devel: repository.is_devel,
    now: now(),
    signal,
  })
  at('sign-index')
  const made = join(workspace.into, 'repodata')
  await withProjectKey(backend, repository, async (key) => {
    await signIndex(backend, { repository, key, made })
    await writePublicKey(backend, repository, key)
  })
  at('switch')
  await stillLocked()
  const { generation } = repository
  await workspace.publish({ generation, now: now() })
  // If the lock was lost during the switch, an older index may have replaced a newer one: have it rendered again.
  await stillLocked().catch(async (error: unknown) => {
    await republish(db, [id])
    throw error
  })
  if (!repository.devel_mode) await store.removeDevel(path)
  at('announce')
  await announce(backend, repository)
  const ms = Math.round(performance.now() - started)
  const { is_devel } = repository
  log.info(
    { repository: path, is_devel, generation, packages: members.length, ms },
    'Repository published',
  )
}

async function signIndex(
  { db, keygen, now }: Backend,
  { repository, key, made }: { repository: IndexedRepository; key: SigningKey; made: string },
): Promise<void> {
  const { ownername: owner, projectname: project, dirname, chroot, generation } = repository
  const purpose = `repository ${owner}/${dirname}/${chroot} generation ${generation}`
  const data = await readFile(join(made, 'repomd.xml'))
  const request = { owner, project, purpose, data, public: key, now: now() }
  const signature = await signDetached(keygen, request, (digests) =>
    issueIndexTicket(db, { repository_id: repository.id, digests }),
  )
  await writeFile(join(made, 'repomd.xml.asc'), signature)
}

async function writePublicKey(
  { store }: Backend,
  repository: IndexedRepository,
  { public_key }: SigningKey,
): Promise<void> {
  const path = projectDirPath(repository)
  // Users who install a forked package need the key that it was signed with.
  const keys = [public_key, ...repository.inherited_keys]
    .map((key) => `${key.trimEnd()}\n`)
    .join('')
  if ((await store.readText(path, 'pubkey.gpg')) !== keys)
    await store.write(path, 'pubkey.gpg', keys)
}

/** Marks the builds that this generation publishes as succeeded, and seals their logs. */
async function announce(
  { db, store, log, now }: Backend,
  { id, generation }: { id: number; generation: number },
): Promise<void> {
  const published = await markPublished(db, { repository_id: id, generation, now: now() })
  for (const build of published) {
    log.info({ build_id: build.build_id, generation, repository_id: id }, 'Build published')
    const results = resultsOf(await locationOfTask(db, build))
    await store.note(results, `${now().toISOString()} published in generation ${generation}`)
    await store.sealLogs(results)
  }
}
