import type { Build, EngineTask } from '../engine.ts'
import { readRepository, type Repository, type UrlGuard } from './repository.ts'

/** IDs of the project's own repositories, which the site maintains, as it does those of the chroot. */
const OWN_REPOSITORY = /^copr_(base|base_devel|coprdir)$/

export interface TaskRepositories {
  chrootRepositories: Repository[]
  taskRepositories: Repository[]
}

/** Reads the current index of every repository that a build uses. */
export async function readTaskRepositories({
  task,
  signal,
  guard,
}: Pick<Build<EngineTask>, 'task' | 'signal' | 'guard'>): Promise<TaskRepositories> {
  const chroot = task.chroot.name
  const [chrootRepositories, taskRepositories] = await Promise.all([
    Promise.all(
      task.chroot.repos.map((one) => readRepository(one, { chroot, isOurs: true, signal })),
    ),
    Promise.all(
      task.repos.map(({ is_external, ...one }) =>
        readRepository(one, {
          chroot,
          isOurs: !is_external && OWN_REPOSITORY.test(one.id),
          guard: is_external ? required(guard) : undefined,
          signal,
        }),
      ),
    ),
  ])
  return { chrootRepositories, taskRepositories }
}

/** Returns the guard; throws if there is none, because users' URLs must not be read without rules. */
function required(guard: UrlGuard | undefined): UrlGuard {
  if (!guard) throw new Error('Cannot read user repositories: no address rules are configured')
  return guard
}
