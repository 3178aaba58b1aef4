import type { SourceMetadata } from '@copr/domain/builds/source-metadata'
import { PackageName } from '@copr/contract/names'
import { CoprError } from '@copr/process/errors'
import { checkPackageNames, formatDependency, readPackageInfo } from '@copr/rpm/package-info'
import { formatEvr } from '@copr/rpm/version'

/** Reads the metadata from an SRPM's header. Throws RpmFormatError or CoprError with a message for the build's page. */
export async function readSourceMetadata(path: string, file_name: string): Promise<SourceMetadata> {
  const info = await readPackageInfo(path)
  if (!info.isSource)
    throw new CoprError(
      'invalid',
      `${file_name} is not a source package: it is built for ${info.arch}`,
    )
  checkPackageNames(info)
  const name = PackageName.safeParse(info.name)
  if (!name.success)
    throw new CoprError(
      'invalid',
      `Cannot accept the package name ${info.name.slice(0, 200)}: ${name.error.issues.map(({ message }) => message).join('; ')}`,
    )
  return {
    name: info.name,
    version: formatEvr(info),
    srpm_name: info.fileName,
    exclusive_arch: info.exclusiveArch,
    exclude_arch: info.excludeArch,
    requires: info.requires.map(formatDependency),
  }
}
