import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Bucket } from '@copr/object-store/bucket'
import { type ResultsPath, removalPath } from '../src/store/paths.ts'
import type { ResultsStore } from '../src/store/results-store.ts'
import {
  AMPLE,
  bodyOf,
  found,
  KEY,
  listed,
  readTree,
  REPOSITORY,
  resultsOf,
  textIn,
  unpackedIn,
} from '../src/testing/store-fixture.ts'
import { endServer, s3Fixture, type S3Fixture } from './s3-fixture.ts'

after(endServer)

const MB = 1024 ** 2
const CHANGES = ['put', 'putFile', 'putStream', 'copy', 'compose', 'remove'] as const

/** Wraps a bucket to simulate a process that is killed right before or right after its n-th write. */
function killedAt(bucket: Bucket, n: number, when: 'before' | 'after'): Bucket {
  let count = 0
  const killed: Record<string, unknown> = {}
  for (const name of CHANGES)
    killed[name] = async (...args: unknown[]) => {
      if (name === 'remove' && (args[0] as string[]).length === 0) return
      const isLast = ++count === n
      if (count > n || (isLast && when === 'before')) throw new Error('killed')
      // Deletes only some of the keys, as S3 does on partial failure.
      const some = isLast && name === 'remove' ? [(args[0] as string[]).slice(0, 1)] : args
      await (bucket[name] as (...all: unknown[]) => Promise<void>)(...some)
      if (isLast) throw new Error('killed')
    }
  return { ...bucket, ...killed }
}

/**
 * For each write of `work`, simulates a process that is killed right before it or right after it, and then another process that runs `work`
 * again. Calls `check` after each run.
 */
async function killEverywhere(
  fixture: S3Fixture,
  work: (store: ResultsStore, round: number) => Promise<void>,
  check: (store: ResultsStore, round: number, isDone: boolean) => Promise<void>,
): Promise<number> {
  let round = 0
  for (const when of ['before', 'after'] as const)
    for (let n = 1; ; n++) {
      round++
      const isKilled = await work(
        fixture.through((bucket) => killedAt(bucket, n, when)),
        round,
      ).then(
        () => false,
        (error: unknown) => {
          assert.match(String(error), /killed/)
          return true
        },
      )
      await check(fixture.another(), round, !isKilled)
      if (!isKilled) break
      await work(fixture.another(), round)
      await check(fixture.another(), round, true)
    }
  return round
}

test('signing and placing can be retried after the process is killed at any write', async () => {
  await using fixture = await s3Fixture()
  const data = randomBytes(11 * MB)
  const head = randomBytes(300)
  const signed = Buffer.concat([head, data.subarray(300)])
  await fixture.store.stage(KEY, 'x.rpm', bodyOf([data]), AMPLE)
  const rounds = await killEverywhere(
    fixture,
    async (store, round) => {
      await store.changeHead(KEY, 'x.rpm', async (path) => {
        await using file = await open(path, 'r+')
        await file.write(head, 0, head.length, 0)
        return head.length
      })
      await store.place(KEY, ['x.rpm'], resultsOf(round))
    },
    async (store, round, isDone) => {
      const placed = await readTree(store, `${resultsOf(round)}/x.rpm`)
      assert.ok(placed === undefined ? !isDone : placed.equals(signed))
      const staged = await store.withStaged(KEY, 'x.rpm', (path) => readFile(path))
      assert.ok(staged.equals(signed) || staged.equals(data))
    },
  )
  assert.ok(rounds > 4)
})

test('an upload can be resumed after the process is killed at any write', async () => {
  await using fixture = await s3Fixture()
  const data = randomBytes(18 * MB)
  await killEverywhere(
    fixture,
    async (store, round) => {
      const key = { ...KEY, task: round }
      const { size } = await store.stage(key, 'a', bodyOf([]), { ...AMPLE, offset: -1 })
      const rest = data.subarray(size)
      const options = { ...AMPLE, offset: size }
      await store.stage(
        key,
        'a',
        bodyOf([rest.subarray(0, 9 * MB), rest.subarray(9 * MB)]),
        options,
      )
    },
    async (store, round, isDone) => {
      const key = { ...KEY, task: round }
      if (isDone) return await store.verifyStaged(key, [listed('a', data)])
      const { size } = await store.stage(key, 'a', bodyOf([]), { ...AMPLE, offset: -1 })
      if (size === 0) return
      await store.verifyStaged(key, [listed('a', data.subarray(0, size))])
    },
  )
})

test('after a publishing process is killed at any write, either the old or the new index is complete', async () => {
  await using fixture = await s3Fixture()
  const publish = async (store: ResultsStore, round: number): Promise<void> => {
    await using workspace = await store.openIndex(REPOSITORY, { is_devel: false })
    const made = join(workspace.into, 'repodata')
    await mkdir(made)
    const href = `${round}-primary.xml.gz`
    await writeFile(join(made, href), `data ${round}`)
    await writeFile(join(made, 'repomd.xml'), `<location href="repodata/${href}"/> ${round}`)
    await writeFile(join(made, 'repomd.xml.asc'), `signature ${round}`)
    await workspace.publish({ generation: round, now: new Date() })
  }
  await publish(fixture.store, 0)
  const rounds = await killEverywhere(fixture, publish, async (store, round, isDone) => {
    const at = (name: string) => textIn(store, `${REPOSITORY}/repodata/${name}`)
    const shown = Number((await at('repomd.xml'))?.split(' ').at(-1))
    assert.ok(shown === round || (!isDone && shown === round - 1), `${shown} in round ${round}`)
    assert.equal(await at('repomd.xml.asc'), `signature ${shown}`)
    assert.equal(await at(`${shown}-primary.xml.gz`), `data ${shown}`)
    if (shown > 0) assert.equal(await at(`${shown - 1}-primary.xml.gz`), `data ${shown - 1}`)
  })
  assert.ok(rounds > 6)
})

test('compressing logs can be retried after the process is killed at any write: no line is lost or duplicated', async () => {
  await using fixture = await s3Fixture()
  const LOG = 'builder-live.log'
  const text = Array.from({ length: 6 }, (_, line) => `line ${line}\n`)
  const begun = new Set<number>()
  await killEverywhere(
    fixture,
    async (store, round) => {
      const path = resultsOf(round)
      if (!begun.has(round)) {
        begun.add(round)
        let offset = 0
        for (const line of text) {
          await fixture.store.appendLog(path, LOG, bodyOf([line]), { offset, max_size: 1000 })
          await fixture.store.note(path, line.trim())
          offset += line.length
        }
      }
      await store.sealLogs(path)
    },
    async (store, round, isDone) => {
      for (const name of [LOG, 'backend.log']) {
        const packed = await unpackedIn(store, `${resultsOf(round)}/${name}.gz`)
        const growing = await textIn(store, `${resultsOf(round)}/${name}`)
        if (isDone) assert.equal(growing, undefined)
        if (isDone || packed !== undefined) assert.equal(packed, text.join(''))
        else assert.equal(growing, text.join(''))
      }
    },
  )
})

test('notes written after a log was compressed are added to the compressed log', async () => {
  await using fixture = await s3Fixture()
  const path = resultsOf(1)
  for (const line of ['one', 'two']) {
    await fixture.store.note(path, line)
    await fixture.another().sealLogs(path)
  }
  assert.equal(await unpackedIn(fixture.store, `${path}/backend.log.gz`), 'one\ntwo\n')
})

test('a removal can be retried after the process is killed at any write, and deletes indexes first', async () => {
  await using fixture = await s3Fixture()
  const project = (round: number): ResultsPath => removalPath(`dana/telescope${round}`)
  const filled = new Set<number>()
  await killEverywhere(
    fixture,
    async (store, round) => {
      const repository = `${project(round)}/debian-12-x86_64`
      if (!filled.has(round)) {
        filled.add(round)
        const names = ['repodata/repomd.xml', 'repodata/a-primary.xml.gz', '00000001-a/a.rpm']
        for (const name of names) await fixture.bucket.put(`results/${repository}/${name}`, name)
      }
      await store.remove(project(round))
    },
    async (store, round, isDone) => {
      const repository = `${project(round)}/debian-12-x86_64`
      const index = await textIn(store, `${repository}/repodata/repomd.xml`)
      if (index !== undefined) assert.ok(await textIn(store, `${repository}/00000001-a/a.rpm`))
      if (isDone) assert.equal(await found(store, project(round)), undefined)
    },
  )
  assert.deepEqual(
    (await fixture.keys()).filter((key) => key.startsWith('results/')),
    [],
  )
})

test('a late fragment that repeats bytes of an upload does not damage it, whatever its offset', async () => {
  await using fixture = await s3Fixture()
  const data = randomBytes(3000)
  await fixture.store.stage(KEY, 'a', bodyOf([data.subarray(0, 2000)]), AMPLE)
  await fixture.store.stage(KEY, 'a', bodyOf([data.subarray(2000)]), { ...AMPLE, offset: 2000 })
  const folder = `staging/${KEY.task}-${KEY.lease}/a/`
  for (const [start, end] of [
    [0, 500],
    [2000, 2100],
    [1500, 2500],
    [2900, 3000],
  ] as const)
    await fixture.bucket.put(
      `${folder}${String(start).padStart(16, '0')}-late`,
      data.subarray(start, end),
    )
  await fixture.another().verifyStaged(KEY, [listed('a', data)])
  await fixture.another().place(KEY, ['a'], resultsOf(1))
  assert.ok((await readTree(fixture.store, `${resultsOf(1)}/a`))?.equals(data))
})
