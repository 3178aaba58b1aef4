import { addMembers, type Member } from '@copr/domain/builds/add-members'
import type { TaskRow } from '@copr/domain/queue/leases'
import { loadTaskContext } from '@copr/domain/queue/task-context'
import { storageRefusal } from '@copr/domain/quotas/quota-check'
import type { PackageInfo } from '@copr/rpm/package-info'
import type { Backend } from '../context.ts'
import { isOurs } from '../gateway/finish.ts'
import { sha256Of, sizeOf } from '../store/files.ts'
import { chainDependencies } from './chain-dependencies.ts'
import { failResults } from './fail-results.ts'
import { withProjectKey } from './project-key.ts'
import { type Results, resultsOf } from './results.ts'
import { signPackages } from './sign.ts'
import { verifyResults } from './verify.ts'

/** The lease of a publish task. */
interface Lease {
  lease: string
  /** Throws when the lease is lost: another publisher may have the task now. */
  checkLease: () => Promise<void>
}

/**
 * Verifies and signs the results of a build, moves them into place, and adds them to its repository. Every step is idempotent and can be
 * retried after a crash. Bad results fail the build; any other error is thrown, and the task is retried.
 */
export async function publishTask(
  backend: Backend,
  task: TaskRow,
  { lease, checkLease }: Lease,
): Promise<void> {
  const { db, store, log, now, at = () => undefined } = backend
  const facts = await loadTaskContext(db, task)
  const results = resultsOf(task, lease, facts)
  const { staged } = results
  const files = task.payload ?? []
  const note = (line: string): Promise<void> =>
    store.note(results.place, `${now().toISOString()} ${line}`)

  at('verify')
  const expected = { package_name: facts.package_name ?? '', arch: facts.build_chroot?.arch ?? '' }
  const verdict = await verifyResults(files, expected, (name, use) =>
    store.withStaged(staged, name, use),
  )
  if (!verdict.ok)
    return await failResults(backend, results, { ...verdict, category: 'verification' })
  const { packages } = verdict
  await note(`verified ${packages.length} packages`)

  const wanted = { refusal: 'Cannot store the results', bytes: sizeOfAll(files) }
  const refused = await storageRefusal(db, facts.project, {
    ...wanted,
    limits: backend.config.limits,
  })
  if (refused !== undefined)
    return await failResults(backend, results, { reason: refused, category: 'resources' })

  at('sign')
  const owner = { ...facts.project, project_id: facts.project.id, projectname: facts.project.name }
  const names = packages.map(({ fileName }) => fileName)
  const purpose = `build ${task.task_id}`
  await withProjectKey(backend, owner, async (key) => {
    await signPackages(backend, { staged, names, owner, key, purpose, lease, checkLease })
    await note(`signed with the key ${key.fingerprint}`)
  })

  at('place')
  await checkLease()
  await store.place(
    staged,
    files.map(({ name }) => name).filter((name) => !isOurs(name)),
    results.place,
  )
  at('describe')
  await describe(backend, results, packages)

  at('commit')
  const members: Member[] = []
  for (const info of packages) members.push(await memberOf(backend, results, info))
  const nevras = packages.map(nevraOf)
  const result_bytes = sizeOfAll(members) + sizeOfAll(files.filter(({ name }) => !isRpm(name)))
  const isInChain = facts.build.chain_id !== null
  const dependencies = isInChain ? await chainDependencies(backend, staged, packages) : undefined
  const added = { lease, packages: nevras, members, result_bytes, dependencies, now: now() }
  const outcome = await addMembers(db, added)
  log.info({ packages: packages.length, outcome }, 'Results placed')
  at('drop')
  if (outcome === 'canceled') {
    await store.unplace(results.place, [...packages.map(({ fileName }) => fileName), 'success'])
    await store.sealLogs(results.place)
  }
  if (outcome !== undefined) await store.dropStaged(staged)
}

function sizeOfAll(files: readonly { size: number }[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

function isRpm(name: string): boolean {
  return name.endsWith('.rpm')
}

/** Writes the small files that describe a build, based on the headers of its packages. */
async function describe(
  { store }: Backend,
  results: Results,
  packages: PackageInfo[],
): Promise<void> {
  const { place, task } = results
  const list = packages.map(nevraOf)
  await store.write(place, 'results.json', `${JSON.stringify({ packages: list }, null, 2)}\n`)
  await store.write(place, 'build.info', `build_id=${task.build_id}\nbuilder_ip=\n`)
  await store.write(place, 'success', 'done\n')
}

function nevraOf({ name, epoch, version, release, arch }: PackageInfo) {
  return { name, epoch, version, release, arch }
}

async function memberOf(
  { store }: Backend,
  { staged, place }: Results,
  { fileName }: PackageInfo,
): Promise<Member> {
  // The path is relative to the repository's folder, which is the parent of the build's folder.
  const path = `${place.split('/').at(-1)}/${fileName}`
  return await store.withStaged(staged, fileName, async (file) => ({
    path,
    sha256: await sha256Of(file),
    size: (await sizeOf(file)) ?? 0,
  }))
}
