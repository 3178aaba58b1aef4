import type { PackageAnswer } from '@copr/contract/api/packages'
import type { Package } from '@copr/domain/packages/package-queries'
import type { Project } from '@copr/domain/projects/project-queries'

const NONE = { latest: null, latest_succeeded: null }

export function presentPackage(
  pack: Package,
  project: Pick<Project, 'ownername' | 'name'>,
  builds: PackageAnswer['builds'] = NONE,
): PackageAnswer {
  return {
    id: pack.id,
    name: pack.name,
    ownername: project.ownername,
    projectname: project.name,
    source_type: pack.source_type,
    source_dict: pack.source_json,
    auto_rebuild: pack.webhook_rebuild,
    builds,
  }
}
