import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Scratch, scratchIn } from './scratch.ts'

async function openScratch(max_bytes: number) {
  const dir = await mkdtemp(join(tmpdir(), 'copr-scratch-'))
  const scratch = scratchIn(join(dir, 'files'), max_bytes)
  const fetched: string[] = []
  return {
    scratch,
    fetched,
    file: (id: string, size: number) => ({
      id,
      size,
      fetch: async (path: string): Promise<void> => {
        fetched.push(id)
        await writeFile(path, id.padEnd(size))
      },
    }),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}

const bytesIn = async ({ dir }: Scratch): Promise<number> => {
  const names = await readdir(dir)
  const all = await Promise.all(names.map((name) => readFile(join(dir, name))))
  return all.reduce((sum, { length }) => sum + length, 0)
}

test('a cached file is not fetched again, and the least recently used file is evicted first', async () => {
  await using t = await openScratch(250)
  const read = (id: string) => t.scratch.withFile(t.file(id, 100), (path) => readFile(path, 'utf8'))
  for (const id of ['a', 'b', 'a', 'c', 'a', 'b']) assert.equal(await read(id), id.padEnd(100))
  assert.deepEqual(t.fetched, ['a', 'b', 'c', 'b'])
  assert.ok((await bytesIn(t.scratch)) <= 250)
})

test('two concurrent users of the same file fetch it once', async () => {
  await using t = await openScratch(250)
  const read = () => t.scratch.withFile(t.file('a', 100), (path) => readFile(path, 'utf8'))
  assert.deepEqual(await Promise.all([read(), read()]), ['a'.padEnd(100), 'a'.padEnd(100)])
  assert.deepEqual(t.fetched, ['a'])
})

test('a fetch waits for free space, and a file that exceeds the total space is admitted on its own', async () => {
  await using t = await openScratch(250)
  const events: string[] = []
  const use = (id: string, size: number) =>
    t.scratch.withFile(t.file(id, size), async () => {
      events.push(`${id} begins`)
      await new Promise((resolve) => setImmediate(resolve))
      events.push(`${id} ends`)
    })
  await Promise.all([use('a', 200), use('large', 1000), use('b', 200)])
  assert.deepEqual(events, [
    'a begins',
    'a ends',
    'large begins',
    'large ends',
    'b begins',
    'b ends',
  ])
  assert.deepEqual(await readdir(t.scratch.dir).then((names) => names.length), 1)
})

test('a cached file that was changed is found only under its new id', async () => {
  await using t = await openScratch(1000)
  await t.scratch.withFile(t.file('a', 10), async (path, rename) => {
    rename(undefined)
    await appendFile(path, 'more')
    rename('b')
  })
  const read = (id: string) => t.scratch.withFile(t.file(id, 14), (path) => readFile(path, 'utf8'))
  assert.equal(await read('b'), `${'a'.padEnd(10)}more`)
  assert.equal(await read('a'), 'a'.padEnd(14))
  assert.deepEqual(t.fetched, ['a', 'a'])
})

test('a failed fetch or use leaves no file and releases its space', async () => {
  await using t = await openScratch(100)
  const fetch = async (path: string): Promise<void> => {
    await writeFile(path, 'half')
    throw new Error('broken off')
  }
  await assert.rejects(t.scratch.withFile({ id: 'a', size: 100, fetch }, async () => undefined))
  const broken = t.scratch.withFile(t.file('b', 100), async (_, rename) => {
    rename(undefined)
    throw new Error('killed')
  })
  await assert.rejects(broken, /killed/)
  assert.deepEqual(await readdir(t.scratch.dir), [])
  using _room = await t.scratch.room(100)
})

test('the disappearance of a file in use is reported as an error, and its space is released', async () => {
  await using t = await openScratch(100)
  const gone = t.scratch.withFile(t.file('a', 100), (path) => rm(path))
  await assert.rejects(gone, { code: 'ENOENT' })
  assert.equal(t.scratch.find('a'), undefined)
  using _room = await t.scratch.room(100)
})

test('a changed file is deleted only after all its users have released it, and is not found under its old id', async () => {
  await using t = await openScratch(1000)
  let changed: (() => void) | undefined
  const changing = new Promise<void>((resolve) => (changed = resolve))
  const reading = t.scratch.withFile(t.file('a', 10), async (path) => {
    await changing
    return await readFile(path, 'utf8')
  })
  await t.scratch.withFile(t.file('a', 10), async (path, rename) => {
    rename(undefined)
    await appendFile(path, 'more')
  })
  changed?.()
  assert.equal(await reading, `${'a'.padEnd(10)}more`)
  assert.equal(t.scratch.find('a'), undefined)
  assert.deepEqual(await readdir(t.scratch.dir), [])
})
