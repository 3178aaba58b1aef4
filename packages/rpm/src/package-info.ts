import { refuse, RpmFormatError } from './errors.ts'
import type { HeaderBlock } from './header-block.ts'
import { getInt, getInts, getString, getStrings, hasTag } from './header-values.ts'
import { type RpmInput, readRpmHeader, type RpmHeader } from './header.ts'
import { DEPENDENCY_FLAG, TAG } from './tags.ts'
import { formatNevra } from './version.ts'

export interface Dependency {
  name: string
  /** rpm's flags as stored: comparison operator, scriptlets, rpmlib() etc. */
  flags: number
  comparison: '' | '<' | '<=' | '=' | '>=' | '>'
  /** '' if any version satisfies the dependency */
  version: string
}

/** A dependency as written in a spec file, without rpm's internal flags. */
export type Requirement = Pick<Dependency, 'name' | 'comparison' | 'version'>

export interface PackageInfo {
  name: string
  epoch: number | null
  version: string
  release: string
  /** 'src' or 'nosrc' for a source package, regardless of the architecture on which it was built */
  arch: string
  isSource: boolean
  nevra: string
  /** file name that rpmbuild would give the package */
  fileName: string
  /** seconds since 1970 */
  buildTime: number
  /** total size of the installed files in bytes */
  size: number
  requires: Dependency[]
  provides: Dependency[]
  /** file name of the source package; null in a source package */
  sourceRpm: string | null
  exclusiveArch: string[]
  excludeArch: string[]
  buildArchs: string[]
  license: string
  summary: string
  description: string
  url: string | null
  vendor: string | null
}

/** Reads a package's metadata. Does not check whether its names are safe in paths: see checkPackageNames(). */
export async function readPackageInfo(from: RpmInput): Promise<PackageInfo> {
  return packageInfo(await readRpmHeader(from))
}

export function packageInfo({ label, header }: RpmHeader): PackageInfo {
  const names = {
    name: requiredString(header, TAG.NAME, 'name'),
    epoch: getInt(header, TAG.EPOCH) ?? null,
    version: requiredString(header, TAG.VERSION, 'version'),
    release: requiredString(header, TAG.RELEASE, 'release'),
    arch: archOf(header),
  }
  const isSource = isSourcePackage(header)
  if (!isSource && hasTag(header, TAG.SOURCEPACKAGE))
    refuse(label, 'its header marks it as a source package and names another source package')
  return {
    ...names,
    isSource,
    nevra: formatNevra(names),
    fileName: `${names.name}-${names.version}-${names.release}.${names.arch}.rpm`,
    buildTime: getInt(header, TAG.BUILDTIME) ?? 0,
    size: getInt(header, TAG.LONGSIZE) ?? getInt(header, TAG.SIZE) ?? 0,
    requires: dependencies(header, 'REQUIRE'),
    provides: dependencies(header, 'PROVIDE'),
    sourceRpm: getString(header, TAG.SOURCERPM) ?? null,
    exclusiveArch: getStrings(header, TAG.EXCLUSIVEARCH),
    excludeArch: getStrings(header, TAG.EXCLUDEARCH),
    buildArchs: getStrings(header, TAG.BUILDARCHS),
    license: getString(header, TAG.LICENSE) ?? '',
    summary: getString(header, TAG.SUMMARY) ?? '',
    description: getString(header, TAG.DESCRIPTION) ?? '',
    url: getString(header, TAG.URL) ?? null,
    vendor: getString(header, TAG.VENDOR) ?? null,
  }
}

/**
 * Whether the package is a source package. rpm considers a package a source package if it does not name the source package it was built
 * from.
 */
export function isSourcePackage(header: HeaderBlock): boolean {
  return !hasTag(header, TAG.SOURCERPM)
}

/**
 * Returns the architecture of a binary package; 'src' for a source package, or 'nosrc' if some of its sources are left out. A source
 * package's header contains the architecture of the build machine instead.
 */
function archOf(header: HeaderBlock): string {
  if (!isSourcePackage(header)) return requiredString(header, TAG.ARCH, 'architecture')
  return hasTag(header, TAG.NOSOURCE) || hasTag(header, TAG.NOPATCH) ? 'nosrc' : 'src'
}

function requiredString(header: HeaderBlock, tag: number, what: string): string {
  return getString(header, tag) ?? refuse(header.label, `it has no ${what}`)
}

export type DependencyKind =
  | 'REQUIRE'
  | 'PROVIDE'
  | 'CONFLICT'
  | 'OBSOLETE'
  | 'RECOMMEND'
  | 'SUGGEST'
  | 'SUPPLEMENT'
  | 'ENHANCE'

/** Returns the dependencies of one kind, in the header's order. */
export function dependencies(header: HeaderBlock, kind: DependencyKind): Dependency[] {
  const names = getStrings(header, TAG[`${kind}NAME`])
  const versions = getStrings(header, TAG[`${kind}VERSION`])
  const flags = getInts(header, TAG[`${kind}FLAGS`])
  return names.map((name, i) => ({
    name,
    flags: flags[i] ?? 0,
    comparison: comparison(flags[i] ?? 0),
    version: versions[i] ?? '',
  }))
}

function comparison(flags: number): Dependency['comparison'] {
  const equal = flags & DEPENDENCY_FLAG.EQUAL
  if (flags & DEPENDENCY_FLAG.LESS) return equal ? '<=' : '<'
  if (flags & DEPENDENCY_FLAG.GREATER) return equal ? '>=' : '>'
  return equal ? '=' : ''
}

/** Returns `name`, or `name >= version`. */
export function formatDependency({ name, comparison: sign, version }: Requirement): string {
  return sign === '' ? name : `${name} ${sign} ${version}`
}

const MAX_NAME_LENGTH = 200
const NAME_PARTS = {
  name: { what: 'package name', allowed: /^[A-Za-z0-9._+-]+$/ },
  version: { what: 'version', allowed: /^[A-Za-z0-9._+~^]+$/ },
  release: { what: 'release', allowed: /^[A-Za-z0-9._+~^]+$/ },
  arch: { what: 'architecture', allowed: /^[A-Za-z0-9_]+$/ },
} as const

/** Throws RpmFormatError unless name, version, release and arch are safe to use in paths and commands. */
export function checkPackageNames(
  info: Pick<PackageInfo, 'name' | 'version' | 'release' | 'arch'>,
): void {
  for (const [key, { what, allowed }] of Object.entries(NAME_PARTS)) {
    const value = info[key as keyof typeof NAME_PARTS]
    const fault = faultOf(value, allowed)
    if (fault)
      throw new RpmFormatError(
        `Cannot accept ${what} ${JSON.stringify(value.slice(0, 80))}: ${fault}`,
      )
  }
}

function faultOf(value: string, allowed: RegExp): string | undefined {
  if (value === '') return 'it is empty'
  if (value.length > MAX_NAME_LENGTH) return `it is longer than ${MAX_NAME_LENGTH} characters`
  if (value.startsWith('-') || value.startsWith('.')) return `it starts with '${value[0]}'`
  if (value.includes('..')) return "it contains '..'"
  const bad = Array.from(value).find((character) => !allowed.test(character))
  return bad === undefined ? undefined : `it contains ${JSON.stringify(bad)}`
}
