import type { Build } from '../engine.ts'
import { readRepository, type Repository } from './repository.ts'

/** dist-git's repository of a project is ours, as is what the chroot is made of. */
const OWN_REPOSITORY = /^copr_(base|base_devel|coprdir)$/

export interface TaskRepositories {
  chrootRepositories: Repository[]
  taskRepositories: Repository[]
}

/** All repositories of a build, as they are now. */
export async function readTaskRepositories({
  task,
  signal,
}: Pick<Build, 'task' | 'signal'>): Promise<TaskRepositories> {
  const chroot = task.chroot.name
  const read = (isOurs: (id: string) => boolean) => (one: (typeof task.repos)[number]) =>
    readRepository(one, { chroot, isOurs: isOurs(one.id), signal })
  const [chrootRepositories, taskRepositories] = await Promise.all([
    Promise.all(task.chroot.repos.map(read(() => true))),
    Promise.all(task.repos.map(read((id) => OWN_REPOSITORY.test(id)))),
  ])
  return { chrootRepositories, taskRepositories }
}
