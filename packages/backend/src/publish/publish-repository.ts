import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { locationOfTask } from '@copr/domain/queue/task-context'
import { compsOfRepository } from '@copr/domain/repositories/repository-comps'
import {
  failUnpublishable,
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
import type { RepodataWorkspace } from '../store/results-store.ts'
import { projectDirPath, repositoryPath } from '../store/paths.ts'
import { type SigningKey, withProjectKey } from './project-key.ts'
import { type UnindexedMember, writeRepodata } from './write-repodata.ts'

/**
 * Renders the index of every repository whose members have changed. A repository that fails does not hold up the others. Several calls may
 * run at the same time, so that a large repository does not hold up the others, either.
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
  // The generation is read before the members, so the members are at least as new as the generation.
  const repository = await loadIndexedRepository(db, id)
  if (!repository || repository.generation <= repository.published_generation) return
  const started = performance.now()
  at('render')
  const path = repositoryPath(repository)
  await store.makeDir(path)
  await using workspace = await store.openIndex(path, repository)
  const packages = await writeCompleteRepodata(backend, repository, { workspace, signal })
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
  // If the lock was lost during the switch, an older index may have replaced a newer one, so the index is rendered again.
  await stillLocked().catch(async (error: unknown) => {
    await republish(db, [id])
    throw error
  })
  if (!repository.devel_mode) await store.removeDevel(path)
  at('announce')
  await announce(backend, repository)
  const ms = Math.round(performance.now() - started)
  const { is_devel } = repository
  log.info({ repository: path, is_devel, generation, packages, ms }, 'Repository published')
}

/**
 * Writes metadata that describes every member. A package that the metadata cannot describe is left out, so that the other packages can be
 * published; if its build is waiting for this index, the build fails. Returns the number of packages.
 */
async function writeCompleteRepodata(
  backend: Backend,
  { id, is_devel }: IndexedRepository,
  { workspace, signal }: { workspace: RepodataWorkspace; signal: AbortSignal },
): Promise<number> {
  const { db, log, now } = backend
  const comps = await compsOfRepository(db, id)
  const leftOut = new Set<string>()
  for (;;) {
    const members = (await repositoryMembers(db, id)).filter(({ path }) => !leftOut.has(path))
    const request = { members, comps, is_devel, now: now(), signal }
    const unindexed = await writeRepodata(workspace, request)
    if (unindexed.length === 0) return members.length
    log.error({ repository_id: id, unindexed }, 'Cannot index packages, leaving them out')
    for (const { path } of unindexed) leftOut.add(path)
    await failUnindexed(backend, id, unindexed)
  }
}

/** Fails the builds that wait for an index that cannot describe all of their packages. Keeps their logs, but not their packages. */
async function failUnindexed(
  { db, store, log, now }: Backend,
  repository_id: number,
  unindexed: UnindexedMember[],
): Promise<void> {
  const faults = unindexed.map(({ path, reason }) => ({
    path,
    reason: `Cannot publish ${basename(path)}: ${reason}`,
  }))
  for (const build of await failUnpublishable(db, { repository_id, faults, now: now() })) {
    const { build_id, reason, paths } = build
    log.warn({ build_id, reason }, 'Results refused')
    const results = resultsOf(await locationOfTask(db, build))
    await store.note(results, `${now().toISOString()} failed: ${reason}`)
    await store.unplace(results, [...paths.map((path) => basename(path)), 'success'])
    await store.sealLogs(results)
  }
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
