import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CoprError, messageOf } from '@copr/process/errors'
import { readPackageInfo } from '@copr/rpm/package-info'

export interface Sources {
  files: { path: string; name: string }[]
  urls: string[]
}

const SRPM = /\.(no)?src\.rpm$/

/**
 * Finds the source packages among files, directories and URLs before anything is uploaded. Throws if there are none, or if two files are of
 * the same package.
 */
export async function collectSources(items: readonly string[]): Promise<Sources> {
  const urls = items.filter((item) => /^https?:\/\//.test(item))
  const paths: string[] = []
  for (const item of items) if (!urls.includes(item)) paths.push(...(await pathsIn(item)))
  const files: Sources['files'] = []
  const byName = new Map<string, string>()
  for (const path of new Set(paths)) {
    const name = await nameOf(path)
    const other = byName.get(name)
    if (other !== undefined)
      throw new CoprError(
        'invalid',
        `${other} and ${path} are both of the package ${name}; a chain builds each package once`,
      )
    byName.set(name, path)
    files.push({ path, name })
  }
  if (files.length + urls.length === 0)
    throw new CoprError('invalid', 'there is no source package (.src.rpm) to build')
  return { files, urls }
}

async function pathsIn(item: string): Promise<string[]> {
  const found = await stat(item).catch((error: unknown) => {
    throw new CoprError('invalid', `Cannot read ${item}: ${messageOf(error)}`)
  })
  if (!found.isDirectory()) return [item]
  const names = (await readdir(item)).filter((name) => SRPM.test(name)).toSorted()
  return names.map((name) => join(item, name))
}

async function nameOf(path: string): Promise<string> {
  const info = await readPackageInfo(path)
  if (!info.isSource) throw new CoprError('invalid', `${path} is not a source package`)
  return info.name
}
