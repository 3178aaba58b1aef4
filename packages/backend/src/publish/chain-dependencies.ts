import { listFiles } from '@copr/rpm/file-list'
import { readRpmHeader } from '@copr/rpm/header'
import { formatDependency, type PackageInfo } from '@copr/rpm/package-info'
import type { Backend } from '../context.ts'
import type { StagingKey } from '../store/results-store.ts'

/** Paths that packages may require without a repository's full file lists, because the primary metadata contains them. */
const REQUIRED_PATH = /^\/etc\/|bin\/|^\/usr\/lib\/sendmail$/

/** Returns the BuildRequires of a build, read from its source package, and everything that its binary packages provide, including files. */
export async function chainDependencies(
  { store }: Pick<Backend, 'store'>,
  staged: StagingKey,
  packages: PackageInfo[],
): Promise<{ requires: string[]; provides: string[] }> {
  const binaries = packages.filter(({ isSource }) => !isSource)
  const source = packages.find(({ isSource }) => isSource)
  const paths: string[] = []
  for (const { fileName } of binaries) {
    const { header } = await store.withStaged(staged, fileName, readRpmHeader)
    paths.push(...listFiles(header).map(({ path }) => path))
  }
  return {
    requires: (source?.requires ?? [])
      .filter(({ name }) => !name.startsWith('rpmlib('))
      .map(formatDependency),
    provides: [
      ...binaries.flatMap(({ provides }) => provides.map(formatDependency)),
      ...paths.filter((path) => REQUIRED_PATH.test(path)),
    ],
  }
}
