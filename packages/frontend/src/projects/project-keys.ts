import { projectsWithoutKey, storePublicKey } from '@copr/domain/projects/project-keys'
import type { Project } from '@copr/domain/projects/project-queries'
import { CoprError } from '@copr/process/errors'
import type { Frontend } from '../frontend.ts'

type Needed = Pick<Frontend, 'db' | 'keygen' | 'log'>

/** Requests the project's signing key from keygen. A failure is only logged; `makeMissingKeys()` retries. */
export async function makeProjectKey({ db, keygen, log }: Needed, project: Project): Promise<void> {
  try {
    const key = await keygen.makeKey({
      owner: project.ownername,
      project: project.name,
      algorithm: project.key_algorithm,
    })
    await storePublicKey(db, project.id, key)
  } catch (err) {
    const level = err instanceof CoprError && err.kind === 'unavailable' ? 'warn' : 'error'
    log[level](
      { err, project_id: project.id },
      'Cannot create the key of a project; retrying later',
    )
  }
}

/** One iteration of a loop: makes the keys of projects whose key could not be made when they were created. */
export async function makeMissingKeys(needed: Needed): Promise<void> {
  for (const project of await projectsWithoutKey(needed.db, 100))
    await makeProjectKey(needed, project)
}
