import { z } from 'zod'

/** Matches names that can be path segments; no character in them is special in a shell, in git or in a URL. */
const WORD = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/

/** A user name, or a group name in the form `@alias`. */
export const OwnerName = z
  .string()
  .max(128)
  .regex(/^@?[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'owner names have letters, digits, "_", "." and "-"')

export const ProjectName = z
  .string()
  .max(100)
  .regex(
    WORD,
    'Name must contain only letters, digits, underscores, dashes and dots. It does not begin with a dash or a dot',
  )
  .refine((name) => !/^\d+$/.test(name), "Project's name can not be just number.")

/** Less than the 255 bytes that file systems allow for a file name. */
const MAX_DIRNAME_BYTES = 200

/**
 * `project`, `project:pr:12` or `project:custom:suffix`; the suffix may have letters of any script. It is used in paths. Names of new
 * directories must satisfy stricter rules: see dirnameFault().
 */
export const ProjectDirname = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]*(:(custom|pr)(:[\p{L}\p{N}]+(-[\p{L}\p{N}]+)*)+)?$/u,
    'a project directory is PROJECT, PROJECT:pr:ID or PROJECT:custom:SUFFIX',
  )
  .refine(
    (name) => new TextEncoder().encode(name).length <= MAX_DIRNAME_BYTES,
    `has more than ${MAX_DIRNAME_BYTES} bytes`,
  )

/** Returns why a name is not allowed for a new directory of the project, with Copr's wording; undefined if it is allowed. */
export function dirnameFault(project: string, dirname: string): string | undefined {
  const prefix = `${project}:`
  if (!dirname.startsWith(prefix)) return `Copr dirname must start with '${prefix}' prefix`
  const [kind, ...suffix] = dirname.slice(prefix.length).split(':')
  const [id = ''] = suffix
  // The ID must end with a number, on which the expiry of the directory depends; for example telescope:pr:owner-repository-12.
  const isPullRequest = kind === 'pr' && suffix.length === 1 && /(^|-)\p{N}+$/u.test(id)
  if (!isPullRequest && (kind !== 'custom' || suffix.length === 0))
    return `Please use directory format ${prefix}custom:<SUFFIX_OF_CHOICE> or ${prefix}pr:<ID> (for automatically removed directories)`
  if (!ProjectDirname.safeParse(dirname).success)
    return `Wrong directory '${dirname.slice(0, MAX_DIRNAME_BYTES)}' specified. Directory name can consist of alpha-numeric strings separated by colons. It has at most ${MAX_DIRNAME_BYTES} bytes`
  return undefined
}

const MAX_PACKAGE_NAME = 100

export const PackageName = z
  .string()
  .max(
    MAX_PACKAGE_NAME,
    `Too long package name: it has more than ${MAX_PACKAGE_NAME} characters. Please enter a valid package name`,
  )
  .regex(
    /^[A-Za-z0-9_+][A-Za-z0-9._+-]*$/,
    'Please enter a valid package name: package names have letters, digits, ".", "_", "+" and "-"',
  )

export const ChrootName = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]*-[A-Za-z0-9_.]+-[A-Za-z0-9_]+$/,
    'chroot names are OS-VERSION-ARCH',
  )

export interface ChrootParts {
  os_release: string
  os_version: string
  arch: string
}

/** Splits a name such as `centos-stream-10-x86_64` at its last two dashes; undefined if it has fewer. */
export function splitChrootName(name: string): ChrootParts | undefined {
  const match = /^(.+)-([^-]+)-([^-]+)$/.exec(name)
  if (!match) return undefined
  const [, os_release = '', os_version = '', arch = ''] = match
  return { os_release, os_version, arch }
}

/** The dist-git branch that chroots of one distribution version share. */
export function defaultBranch({ os_release, os_version }: ChrootParts): string {
  if (os_release === 'fedora') return os_version === 'rawhide' ? 'master' : `f${os_version}`
  if (os_release === 'epel')
    return Number(os_version) <= 6 ? `el${os_version}` : `epel${os_version}`
  if (os_release === 'mageia') return os_version === 'cauldron' ? 'cauldron' : `mga${os_version}`
  return `${os_release}${os_version}`
}

/** The name of a build's folder in its chroot: `00000012-hello`. */
export function buildDirName(buildId: number, packageName: string): string {
  return `${paddedBuildId(buildId)}-${packageName}`
}

export function paddedBuildId(buildId: number): string {
  return String(buildId).padStart(8, '0')
}
