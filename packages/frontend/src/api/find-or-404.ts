import { type Build, findBuild } from '@copr/domain/builds/build-queries'
import type { Db } from '@copr/domain/database/open'
import { findPackage, type Package } from '@copr/domain/packages/package-queries'
import { findProjectChroot, type ProjectChroot } from '@copr/domain/projects/project-chroots'
import { findProject, findProjectById, type Project } from '@copr/domain/projects/project-queries'
import { findGroup } from '@copr/domain/groups/group-queries'
import { findUser } from '@copr/domain/users/user-queries'
import { CoprError } from '@copr/process/errors'

export async function requireOwner(db: Db, ownername: string): Promise<void> {
  if (ownername.startsWith('@')) {
    if (!(await findGroup(db, ownername.slice(1))))
      throw new CoprError(
        'not_found',
        `Group ${ownername.slice(1)} does not exist: there is no owner ${ownername}`,
      )
    return
  }
  if (!(await findUser(db, ownername)))
    throw new CoprError(
      'not_found',
      `No such user '${ownername}': User ${ownername} does not exist`,
    )
}

export async function requireProject(db: Db, ownername: string, name: string): Promise<Project> {
  const project = await findProject(db, ownername, name)
  if (!project) throw new CoprError('not_found', `Project ${ownername}/${name} does not exist`)
  return project
}

export async function requireProjectChroot(
  db: Db,
  project: Project,
  name: string,
): Promise<ProjectChroot> {
  const chroot = await findProjectChroot(db, project.id, name)
  if (!chroot)
    throw new CoprError(
      'not_found',
      `Chroot name ${name} does not exist in Copr ${project.ownername}/${project.name}`,
    )
  return chroot
}

export async function requireBuild(db: Db, id: number): Promise<Build> {
  const build = await findBuild(db, id)
  if (!build) throw new CoprError('not_found', `Build ${id} does not exist`)
  return build
}

/** Finds the project of a build; if the project was deleted in the meantime, throws as if the build did not exist. */
export async function projectOfBuild(db: Db, build: Build): Promise<Project> {
  const project = await findProjectById(db, build.project_id)
  if (!project) throw new CoprError('not_found', `Build ${build.id} does not exist`)
  return project
}

export async function requirePackage(
  db: Db,
  { id, ownername, name }: Pick<Project, 'id' | 'ownername' | 'name'>,
  package_name: string,
): Promise<Package> {
  const found = await findPackage(db, id, package_name)
  if (!found)
    throw new CoprError(
      'not_found',
      `No package with name ${package_name} in copr ${name} of ${ownername}`,
    )
  return found
}
