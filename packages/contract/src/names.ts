import { z } from 'zod'

/** Characters of names that become path segments; none of them is special in a shell, in git or in a URL. */
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
    'project names have letters, digits, "_", "." and "-", and do not begin with "." or "-"',
  )
  .refine((name) => !/^\d+$/.test(name), 'a project name cannot be all digits')

/** `project`, `project:pr:12` or `project:custom:suffix`. */
export const ProjectDirname = z
  .string()
  .max(200)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]*(:(custom|pr)(:[A-Za-z0-9]+(-[A-Za-z0-9]+)*)+)?$/,
    'a project directory is PROJECT, PROJECT:pr:ID or PROJECT:custom:SUFFIX',
  )

export const PackageName = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z0-9_+][A-Za-z0-9._+-]*$/,
    'package names have letters, digits, ".", "_", "+" and "-"',
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
