import { randomUUID } from 'node:crypto'
import type { Bucket, ListedObject } from '@copr/object-store/bucket'
import pMap from 'p-map'
import { fedoraReviewName, fedoraReviewPath, type ResultsPath } from '../paths.ts'
import { GROWING_LOGS, type KeptSrpm, type ResultsStore } from '../results-store.ts'
import { growingLogs } from './growing-logs.ts'
import { resultKey, srpmFolder, srpmKey, TRASH, TREE, UPLOADS } from './keys.ts'
import { s3RepodataWorkspace } from './s3-repodata-workspace.ts'
import { objectFile, s3Tree } from './s3-tree.ts'
import type { Scratch } from './scratch.ts'
import { stagingIn } from './staging.ts'

const COPIES_AT_A_TIME = 8
/** Age at which a multipart upload counts as abandoned; an upload takes minutes. */
const STALE_MS = 86_400_000

/** Returns a results store in a bucket of any S3-compatible server. Several processes may use it at the same time. */
export function s3Store(bucket: Bucket, scratch: Scratch): ResultsStore {
  const logs = growingLogs(bucket)
  const staging = stagingIn(bucket, scratch)

  /** Lists the objects in a folder that exist now, according to the store's clock; objects that are added later are left out. */
  async function thereNow(folder: string): Promise<ListedObject[]> {
    const marker = TRASH + randomUUID()
    await bucket.put(marker, '')
    // This time comes from a listing, like those of the other objects, because HEAD returns times that are truncated to seconds.
    const [listed] = await Array.fromAsync(bucket.list(marker))
    const now = listed?.mtime ?? new Date()
    await bucket.remove([marker])
    const all = await Array.fromAsync(bucket.list(folder))
    return all.filter(({ mtime }) => mtime <= now)
  }

  async function waitingSrpm(srpm: KeptSrpm) {
    const key = srpmKey(srpm)
    const facts = await bucket.head(key)
    return facts && { key, name: srpm.file_name, facts }
  }

  const folderOf = (path: ResultsPath): string => `${TREE}${path}/`

  /** Copies the files of a folder, except those in its subfolders; returns false when there is no such folder. */
  async function copyFiles(from: ResultsPath, to: ResultsPath): Promise<boolean> {
    const { files, folders } = await bucket.listFolder(folderOf(from))
    const names = files.map(({ key, size }) => ({ name: key.slice(folderOf(from).length), size }))
    const lasting = names.filter(({ name }) => name !== '' && !name.startsWith('.'))
    await pMap(
      lasting,
      ({ name, size }) => bucket.copy(resultKey(from, name), resultKey(to, name), size),
      { concurrency: COPIES_AT_A_TIME },
    )
    return files.length > 0 || folders.length > 0
  }

  return {
    ...s3Tree(bucket, logs),
    check: () => bucket.check(),
    makeDir: async () => undefined,

    appendLog: (path, name, body, limits) => logs.append(path, name, body, limits),
    note: (path, line) => logs.note(path, line),
    async setAside(path, names) {
      for (const name of names) {
        await logs.setAside(path, name)
        const key = resultKey(path, name)
        const facts = await bucket.head(key)
        if (!facts) continue
        await bucket.copy(key, `${resultKey(path, 'prev_build_backup')}/${name}`, facts.size)
        await bucket.remove([key])
      }
    },
    sealLogs: (path, names = GROWING_LOGS) => logs.seal(path, names),
    write: async (path, name, data) => await bucket.put(resultKey(path, name), data),
    readText: async (path, name) => (await bucket.getBytes(resultKey(path, name)))?.toString(),

    stage: (key, name, body, limits) => staging.stage(key, name, body, limits),
    verifyStaged: (key, files) => staging.verify(key, files),
    withStaged: (key, name, use) => staging.withFile(key, name, use),
    changeHead: (key, name, change) => staging.changeHead(key, name, change),
    place: (key, names, to) =>
      staging.compose(key, names, (name) => {
        const report = fedoraReviewName(name)
        return report === undefined ? resultKey(to, name) : resultKey(fedoraReviewPath(to), report)
      }),
    async linkAll(from, to) {
      await copyFiles(fedoraReviewPath(from), fedoraReviewPath(to))
      return await copyFiles(from, to)
    },
    unplace: (path, names) => bucket.remove(names.map((name) => resultKey(path, name))),
    dropStaged: (key) => staging.drop(key),
    listStaged: () => staging.list(),

    keepSrpm: (key, name, kept) => staging.compose(key, [name], () => srpmKey(kept)),
    async findSrpm(srpm) {
      const found = await waitingSrpm(srpm)
      return found && objectFile(bucket, found)
    },
    async placeSrpm(srpm, to) {
      const found = await waitingSrpm(srpm)
      // If the SRPM no longer waits, an earlier call has already placed it.
      if (found) await bucket.copy(found.key, resultKey(to, found.name), found.facts.size)
    },
    async dropSrpm(srpm) {
      const objects = await Array.fromAsync(bucket.list(srpmFolder(srpm)))
      await bucket.remove(objects.map(({ key }) => key))
    },
    async listSrpms(before) {
      const changed = new Map<string, number>()
      for await (const { key, mtime } of bucket.list(UPLOADS)) {
        const dir = key.slice(UPLOADS.length).split('/')[0] ?? ''
        changed.set(dir, Math.max(changed.get(dir) ?? 0, mtime.getTime()))
      }
      const old = [...changed].filter(([, time]) => time < before.getTime())
      return old.map(([name]) => {
        const id = /^build-(\d+)$/.exec(name)?.[1]
        return { build_id: Number(id ?? 0), upload: id === undefined ? name : null }
      })
    },

    openIndex: (path, { is_devel }) =>
      s3RepodataWorkspace(bucket, {
        folder: folderOf(path),
        is_devel,
        scratch,
        sourceOf: (key) => staging.sourceOf(key),
      }),
    async removeDevel(path) {
      await removeFolder(bucket, await Array.fromAsync(bucket.list(`${folderOf(path)}devel/`)))
    },

    remove: async (path) => await removeFolder(bucket, await thereNow(folderOf(path))),
    async emptyTrash() {
      const before = new Date(Date.now() - STALE_MS)
      await bucket.abortUploads(before)
      const markers = await Array.fromAsync(bucket.list(TRASH))
      await bucket.remove(markers.filter(({ mtime }) => mtime < before).map(({ key }) => key))
    },
  }
}

/** Removes objects, the indexes first, because no index may name files that no longer exist. */
async function removeFolder(bucket: Bucket, objects: ListedObject[]): Promise<void> {
  const isIndex = ({ key }: ListedObject): boolean => key.endsWith('/repodata/repomd.xml')
  await bucket.remove(objects.filter(isIndex).map(({ key }) => key))
  await bucket.remove(objects.filter((each) => !isIndex(each)).map(({ key }) => key))
}
