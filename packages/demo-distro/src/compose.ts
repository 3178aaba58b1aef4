import { neededBy, parseDepends, type Ignored } from './closure.ts'
import type { DebianPackage } from './debian-packages.ts'
import { EPOCHS, EXTRA_FILES, EXTRA_REQUIRES, type ListedPackage } from './list.ts'
import { rpmDependency, rpmVersion, withEpoch } from './version.ts'
import type { RpmPackage } from './spec.ts'
import { addLink, packageFiles } from './file-tree.ts'
import { findProvides } from './provides.ts'
import { extraLinks, extraProvides, type Release } from './release.ts'

export interface Composition {
  list: ListedPackage[]
  packages: Map<string, DebianPackage>
  fileLists: Map<string, string[]>
  tree: string
  release: Release
  /** Paths that belong to the distribution's own packages, which are not converted from Debian's. */
  owned: Iterable<string>
  ignored: Ignored
  onPackage: (done: number) => void
  signal?: AbortSignal
}

/** Converts Debian packages to descriptions of RPMs. */
export async function composePackages(what: Composition): Promise<RpmPackage[]> {
  const { packages, list } = what
  const listed = new Map(list.map((one) => [one.debianName, one]))
  const names = new Map(
    [...packages.keys()].map((name) => [name, listed.get(name)?.rpmName ?? name]),
  )
  const owned = new Set(what.owned)
  const composed: RpmPackage[] = []
  for (const one of packages.values()) {
    composed.push(await composePackage(one, listed.get(one.name), names, owned, what))
    what.onPackage(composed.length)
  }
  return composed
}

async function composePackage(
  one: DebianPackage,
  listed: ListedPackage | undefined,
  names: Map<string, string>,
  owned: Set<string>,
  { packages, fileLists, tree, release: of, ignored, signal }: Composition,
): Promise<RpmPackage> {
  const { version, release } = rpmVersion(one.version)
  const content = await packageFiles(fileLists.get(one.name) ?? [], tree, owned)
  for (const [path, target] of Object.entries(extraLinks(of)[one.name] ?? {}))
    if (!content.files.some((file) => file.path === path))
      content.files.push(await addLink(tree, path, target))
  for (const path of EXTRA_FILES[one.name] ?? [])
    content.files.push({ path, kind: 'file', mode: '644' })
  const name = names.get(one.name) ?? one.name
  const aliases = [one.name, ...(listed?.provides ?? [])].filter((alias) => alias !== name)
  const virtual = parseDepends(one.provides)
    .flat()
    .map((dependency) => rpmDependency(dependency.name, dependency.operator, dependency.version))
  const needs = neededBy(
    one,
    ignored,
    (need) => packages.has(need) || isProvided(need, packages),
    (need) => packages.has(need),
  )
  const requires = needs.map((need) =>
    rpmDependency(
      names.get(need.name) ?? need.name,
      need.operator,
      need.version,
      packages.get(need.name)?.version,
      EPOCHS[need.name],
    ),
  )
  const epoch = EPOCHS[one.name]
  return {
    name,
    ...(epoch !== undefined && { epoch }),
    version,
    release,
    noarch: one.noarch,
    summary: one.summary,
    requires: [...new Set([...requires, ...(EXTRA_REQUIRES[one.name] ?? [])])],
    provides: [
      ...new Set([
        ...aliases.flatMap((alias) =>
          ['', ...(one.noarch ? [] : ['%{?_isa}'])].map(
            (isa) => `${alias}${isa} = ${withEpoch(version, epoch)}-${release}`,
          ),
        ),
        ...virtual,
        ...(extraProvides(of)[one.name] ?? []),
        ...(await findProvides(content, {
          tree,
          python: of.python,
          ...(signal && { signal }),
        })),
      ]),
    ],
    files: content.files,
  }
}

function isProvided(name: string, packages: Map<string, DebianPackage>): boolean {
  return [...packages.values()].some((one) =>
    parseDepends(one.provides)
      .flat()
      .some((provided) => provided.name === name),
  )
}
