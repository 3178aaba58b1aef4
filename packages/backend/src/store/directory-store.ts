import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { appendFile, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CoprError } from '@copr/process/errors'
import { appendToFile, NewestRequest } from './append.ts'
import { directoryRepodataWorkspace } from './directory-repodata-workspace.ts'
import { directoryTree, openFile } from './directory-tree.ts'
import * as files from './files.ts'
import {
  checkedFileName,
  checkedNumber,
  checkedToken,
  fedoraReviewName,
  fedoraReviewPath,
  type ResultsPath,
} from './paths.ts'
import { GROWING_LOGS, type KeptSrpm, type ResultsStore, type StagingKey } from './results-store.ts'
import { checkFacts, checkList, MAX_FILES } from './staged-files.ts'

/** Returns a results store in a folder. Staging and uploads are next to the public tree, on the same file system. */
export function directoryStore(data_dir: string): ResultsStore {
  const base = resolve(data_dir)
  const root = join(base, 'results')
  const staging = join(base, 'staging')
  const uploads = join(base, 'uploads')
  const trash = join(base, 'trash')
  mkdirSync(root, { recursive: true })
  for (const dir of [staging, uploads, trash]) mkdirSync(dir, { recursive: true, mode: 0o700 })

  const newest = new NewestRequest()
  const totals = new Map<string, Promise<{ bytes: number }>>()
  const absolute = (path: ResultsPath, ...names: string[]): string =>
    join(root, path, ...names.map((name) => checkedFileName(name)))
  const stagingDir = ({ task, lease }: StagingKey): string =>
    join(staging, `${checkedNumber(task)}-${checkedToken(lease)}`)
  const staged = (key: StagingKey, name: string): string =>
    join(stagingDir(key), checkedFileName(name))

  async function totalOf(dir: string): Promise<{ bytes: number }> {
    let bytes = 0
    const names = await readdir(dir)
    if (names.length > MAX_FILES)
      throw new CoprError('too_large', `Cannot accept more than ${MAX_FILES} files`)
    for (const name of names) bytes += (await files.sizeOf(join(dir, name))) ?? 0
    return { bytes }
  }

  async function put(
    from: string,
    path: ResultsPath,
    names: string[],
    nameOf = (name: string): string => name,
  ): Promise<void> {
    await files.makeDir(join(root, path))
    await files.removeTemporary(join(root, path))
    for (const name of names)
      await files.linkOver(join(from, checkedFileName(name)), absolute(path, nameOf(name)))
    await files.syncDir(join(root, path))
  }

  function srpmDir({ build_id, upload }: Omit<KeptSrpm, 'file_name'>): string {
    return join(
      uploads,
      upload === null ? `build-${checkedNumber(build_id)}` : checkedToken(upload),
    )
  }

  async function waitingSrpm(srpm: KeptSrpm): Promise<string | undefined> {
    const path = join(srpmDir(srpm), checkedFileName(srpm.file_name))
    return (await files.sizeOf(path)) === undefined ? undefined : path
  }

  return {
    ...directoryTree(root),
    check: async () => undefined,
    makeDir: (path) => files.makeDir(join(root, path)),

    async appendLog(path, name, body, { offset, max_size }) {
      const file = absolute(path, name)
      // Nothing is awaited before this call, so requests register in order of arrival.
      return await newest.run(file, async (stop) => {
        await files.makeDir(join(root, path))
        return await appendToFile(file, body, { offset, max_size }, stop)
      })
    },
    async note(path, line) {
      await files.makeDir(join(root, path))
      await appendFile(absolute(path, 'backend.log'), `${line}\n`)
    },
    async setAside(path, names) {
      for (const name of names) {
        if ((await files.sizeOf(absolute(path, name))) === undefined) continue
        await files.makeDir(absolute(path, 'prev_build_backup'))
        await rename(absolute(path, name), absolute(path, 'prev_build_backup', name))
      }
    },
    async sealLogs(path, names = GROWING_LOGS) {
      for (const name of names) await files.gzipInPlace(absolute(path, name))
    },
    write: (path, name, data) => files.writeWhole(absolute(path, name), data),
    async readText(path, name) {
      try {
        return await readFile(absolute(path, name), 'utf8')
      } catch (error) {
        if (files.isMissing(error)) return undefined
        throw error
      }
    },

    async stage(key, name, body, { offset, max_total }) {
      const file = staged(key, name)
      return await newest.run(file, async (stop) => {
        const dir = stagingDir(key)
        await files.makeDir(dir, 0o700)
        const counted = totals.get(dir) ?? totalOf(dir)
        totals.set(dir, counted)
        const total = await counted
        const onBytes = (count: number): void => {
          total.bytes += count
          if (total.bytes > max_total)
            throw new CoprError(
              'too_large',
              `Cannot accept more than ${max_total} bytes of results`,
            )
        }
        return await appendToFile(
          file,
          body,
          { offset, max_size: max_total, onBytes, sync: true },
          stop,
        )
      })
    },
    async verifyStaged(key, list) {
      checkList(list)
      for (const file of list) {
        const path = staged(key, file.name)
        await checkFacts(file, await files.sizeOf(path), () => files.sha256Of(path))
      }
      if (list.length > 0) await files.syncDir(stagingDir(key))
    },
    withStaged: (key, name, use) => use(staged(key, name)),
    changeHead: async (key, name, change) => void (await change(staged(key, name))),
    async place(key, names, to) {
      const from = stagingDir(key)
      const reports = names.filter((name) => fedoraReviewName(name) !== undefined)
      const folder = fedoraReviewPath(to)
      if (reports.length > 0)
        await put(from, folder, reports, (name) => fedoraReviewName(name) ?? name)
      await put(
        from,
        to,
        names.filter((name) => !reports.includes(name)),
      )
    },
    async linkAll(from, to) {
      const names = await files.filesIn(join(root, from))
      if (names === undefined) return false
      const isLasting = (name: string): boolean =>
        !GROWING_LOGS.includes(name) && !name.startsWith('.')
      const reports = await files.filesIn(join(root, fedoraReviewPath(from)))
      if (reports !== undefined)
        await put(
          join(root, fedoraReviewPath(from)),
          fedoraReviewPath(to),
          reports.filter(isLasting),
        )
      await put(join(root, from), to, names.filter(isLasting))
      return true
    },
    async unplace(path, names) {
      for (const name of names) await rm(absolute(path, name), { force: true })
    },
    async dropStaged(key) {
      totals.delete(stagingDir(key))
      await rm(stagingDir(key), { recursive: true, force: true })
    },
    async listStaged() {
      const keys = (await readdir(staging)).map((name) => /^(\d+)-(.+)$/.exec(name))
      return keys.flatMap((match) =>
        match?.[1] && match[2] ? [{ task: Number(match[1]), lease: match[2] }] : [],
      )
    },

    async keepSrpm(key, name, srpm) {
      const dir = srpmDir(srpm)
      await files.makeDir(dir, 0o700)
      await files.linkOver(staged(key, name), join(dir, checkedFileName(srpm.file_name)))
      await files.syncDir(dir)
    },
    async findSrpm(srpm) {
      const path = await waitingSrpm(srpm)
      return path === undefined ? undefined : await openFile(path)
    },
    async placeSrpm(srpm, to) {
      // If the SRPM no longer waits, an earlier call has already placed it.
      if ((await waitingSrpm(srpm)) !== undefined) await put(srpmDir(srpm), to, [srpm.file_name])
    },
    dropSrpm: (srpm) => rm(srpmDir(srpm), { recursive: true, force: true }),
    async listSrpms(before) {
      const found: Omit<KeptSrpm, 'file_name'>[] = []
      for (const name of await readdir(uploads)) {
        if ((await files.lastChange(join(uploads, name))) >= before) continue
        const id = /^build-(\d+)$/.exec(name)?.[1]
        found.push({ build_id: Number(id ?? 0), upload: id === undefined ? name : null })
      }
      return found
    },

    openIndex: (path, options) => directoryRepodataWorkspace(join(root, path), options),
    removeDevel: (path) => rm(join(root, path, 'devel'), { recursive: true, force: true }),

    async remove(path) {
      const doomed = join(trash, randomUUID())
      try {
        await rename(join(root, path), doomed)
      } catch (error) {
        if (files.isMissing(error)) return
        throw error
      }
      await rm(doomed, { recursive: true, force: true })
    },
    async emptyTrash() {
      for (const name of await readdir(trash))
        await rm(join(trash, name), { recursive: true, force: true })
    },
  }
}
