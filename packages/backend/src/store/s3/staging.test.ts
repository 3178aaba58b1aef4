import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bucket } from '@copr/object-store/bucket'
import { Readable } from 'node:stream'
import { AMPLE, bodyOf, listed } from '../../testing/store-fixture.ts'
import { stagingKey } from './keys.ts'
import type { Scratch } from './scratch.ts'
import { stagingIn } from './staging.ts'

/** Returns a bucket in memory that has the operations needed for staging a file. */
function memoryBucket() {
  /** The objects by key, in one map per task. */
  const folders = new Map<string, Map<string, Buffer>>()
  const calls: string[] = []
  const folderOf = (key: string): string => `${key.split('/').slice(0, 2).join('/')}/`
  const bucket: Pick<Bucket, 'list' | 'put' | 'get'> = {
    async *list(prefix) {
      calls.push(`list ${prefix}`)
      for (const [key, { length: size }] of folders.get(folderOf(prefix)) ?? [])
        if (key.startsWith(prefix)) yield { key, size, mtime: new Date(0), etag: '' }
    },
    async put(key, data) {
      const folder = folders.get(folderOf(key)) ?? new Map<string, Buffer>()
      folders.set(folderOf(key), folder.set(key, Buffer.from(data)))
    },
    async get(key) {
      calls.push(`get ${key}`)
      return Readable.from([folders.get(folderOf(key))?.get(key) ?? assert.fail()])
    },
  }
  return { calls, bucket: bucket as Bucket }
}

test('the caches of a process stay bounded even if another process publishes the tasks', async () => {
  const { bucket, calls } = memoryBucket()
  const staging = stagingIn(bucket, {} as Scratch, 3)
  const key = (task: number) => ({ task, lease: 'x' })
  const verify = async (task: number): Promise<number> => {
    await staging.verify(key(task), [listed('a', 'abc')])
    return calls.splice(0).filter((call) => call.startsWith('get ')).length
  }
  const stage = async (task: number, name: string): Promise<boolean> => {
    calls.splice(0)
    await staging.stage(key(task), name, bodyOf(['abc']), AMPLE)
    return calls.includes(`list ${stagingKey(key(task))}`)
  }
  for (let task = 1; task <= 4; task++) await stage(task, 'a')
  assert.equal(await verify(1), 1)
  assert.equal(await verify(4), 0)
  assert.equal(await stage(1, 'b'), true)
  assert.equal(await stage(4, 'b'), false)
})
