import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { FRESH_CACHE, isAlive } from './root-cache.ts'

/** The home directory of the user in a fresh root. */
export const HOME = '/root'
/** Folders of the root that are not on the overlay, each with the folder of the run that is bind-mounted there. */
const BOUND = { [HOME]: 'home', '/tmp': 'tmp', '/var/tmp': 'var-tmp' }

interface Downloads {
  folders: string[]
  suffix: string
}

/** Creates the folder of one run; deletes the folders of runs that were killed. */
export function makeWorkDir(name: string): string {
  const parent = join(FRESH_CACHE, 'runs')
  mkdirSync(parent, { recursive: true })
  for (const entry of readdirSync(parent))
    if (!isAlive(Number(entry.split('.')[1])))
      rmSync(join(parent, entry), { recursive: true, force: true })
  const work = mkdtempSync(join(parent, `${name}.${process.pid}.`))
  for (const part of ['upper', 'overlay', 'merged', ...Object.values(BOUND)])
    mkdirSync(join(work, part))
  // These become the root directory of the overlay, which users other than root must be able to enter.
  for (const part of ['.', 'upper']) chmodSync(join(work, part), 0o755)
  chmodSync(join(work, 'home'), 0o700)
  for (const part of ['tmp', 'var-tmp']) chmodSync(join(work, part), 0o1777)
  mkdirSync(join(work, 'home/.npm'))
  return work
}

/** Creates hard links to the downloads of earlier runs in the folders of a run. */
export function seedDownloads(cache: string, work: string, { folders, suffix }: Downloads): void {
  for (const folder of folders) linkFiles(cache, inWorkDir(work, folder), suffix)
}

/** Keeps the downloads of a run for later runs. */
export function keepDownloads(cache: string, work: string, { folders, suffix }: Downloads): void {
  for (const folder of folders) linkFiles(inWorkDir(work, folder), cache, suffix)
}

function inWorkDir(work: string, path: string): string {
  for (const [folder, part] of Object.entries(BOUND))
    if (path.startsWith(`${folder}/`)) return join(work, part, path.slice(folder.length))
  return join(work, 'upper', path)
}

/** Creates hard links. This is safe because package managers replace and delete downloaded files but never modify them. */
function linkFiles(from: string, to: string, suffix: string): void {
  if (!existsSync(from)) return
  mkdirSync(to, { recursive: true })
  const there = new Set(readdirSync(to))
  for (const file of readdirSync(from))
    if (file.endsWith(suffix) && !there.has(file)) linkSync(join(from, file), join(to, file))
}
