import { CoprError } from '@copr/process/errors'
import { FEDORA_REVIEW_PREFIX, ResultFile } from '@copr/contract/builder-protocol'
import {
  ChrootName,
  OwnerName,
  paddedBuildId,
  PackageName,
  ProjectDirname,
} from '@copr/contract/names'
import type { z } from 'zod'

/** A path under the results tree of which every component has been checked. Only such paths are ever joined to the root. */
export type ResultsPath = string & { readonly checked: 'results' }

export interface DirLocation {
  ownername: string
  dirname: string
}

export interface ChrootLocation extends DirLocation {
  chroot: string
}

/** `owner/dirname` */
export function projectDirPath({ ownername, dirname }: DirLocation): ResultsPath {
  return joined(checked(OwnerName, ownername), checked(ProjectDirname, dirname))
}

/** `owner/dirname/chroot`: the path of a repository */
export function repositoryPath(place: ChrootLocation): ResultsPath {
  return joined(projectDirPath(place), checked(ChrootName, place.chroot))
}

/** `owner/dirname/chroot/00000012-hello`: the path of a build's results */
export function resultPath(place: ChrootLocation & { result_dir: string }): ResultsPath {
  const [, id = '', name = ''] = /^(\d{8,15})-(.+)$/s.exec(place.result_dir) ?? []
  if (id === '') throw unsafe(place.result_dir)
  return joined(repositoryPath(place), `${id}-${checked(PackageName, name)}`)
}

/** `owner/dirname/srpm-builds/00000012`: the path of a source build's results */
export function srpmPath(place: DirLocation & { build_id: number }): ResultsPath {
  return joined(projectDirPath(place), 'srpm-builds', paddedBuildId(place.build_id))
}

/** Checks the path of a `removal` row, which has two to four components. */
export function removalPath(path: string): ResultsPath {
  const [ownername = '', dirname = '', chroot, result_dir, ...more] = path.split('/')
  if (more.length > 0) throw unsafe(path)
  if (chroot === undefined) return projectDirPath({ ownername, dirname })
  if (chroot === 'srpm-builds')
    return srpmPath({ ownername, dirname, build_id: Number(checkedId(result_dir)) })
  if (result_dir === undefined) return repositoryPath({ ownername, dirname, chroot })
  return resultPath({ ownername, dirname, chroot, result_dir })
}

/** Returns a result file's name; throws unless it is safe as the last component of a path. */
export function checkedFileName(name: string): string {
  return checked(ResultFile.shape.name, name)
}

/** Returns the folder inside a build's results that contains the reports of fedora-review. */
export function fedoraReviewPath(path: ResultsPath): ResultsPath {
  return joined(path, 'fedora-review')
}

/** Returns the name that a staged file has in the folder of fedora-review; undefined if it does not belong there. */
export function fedoraReviewName(name: string): string | undefined {
  if (!name.startsWith(FEDORA_REVIEW_PREFIX)) return undefined
  return /^[a-z][a-z-]*\.(txt|json|dir|log)$/.exec(name.slice(FEDORA_REVIEW_PREFIX.length))?.[0]
}

/** Returns the name of a private folder, which belongs to a lease or an upload; throws unless it is safe in a path. */
export function checkedToken(token: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,120}$/.test(token)) throw unsafe(token)
  return token
}

/** Returns the ID of a task or build; throws unless it is safe in a path. */
export function checkedNumber(id: number): number {
  if (!Number.isSafeInteger(id) || id < 0) throw unsafe(String(id))
  return id
}

function checkedId(text = ''): string {
  if (!/^\d{8,15}$/.test(text)) throw unsafe(text)
  return text
}

function checked(schema: z.ZodType<string>, name: string): string {
  const parsed = schema.safeParse(name)
  // Defense in depth: whatever the schemas may allow in the future, a component of a path is never one of these.
  if (!parsed.success || name.includes('/') || name.includes('\0') || /^\.{0,2}$/.test(name))
    throw unsafe(name)
  return parsed.data
}

function unsafe(name: string): CoprError {
  return new CoprError('invalid', `Cannot use ${JSON.stringify(name.slice(0, 100))} in a path`)
}

function joined(...parts: string[]): ResultsPath {
  return parts.join('/') as ResultsPath
}
