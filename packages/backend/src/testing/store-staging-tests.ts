import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFile, open as openFile, readFile, rename, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import {
  AMPLE,
  bodyOf,
  found,
  KEY,
  listed,
  namesIn,
  readTree,
  resultsOf,
  type StoreFixture,
  textIn,
} from './store-fixture.ts'

const MB = 1024 * 1024

export function stagingTests(open: () => Promise<StoreFixture>): void {
  test('an upload resumes where it was interrupted, even in another process', async () => {
    await using fixture = await open()
    const data = randomBytes(20 * MB + 17)
    const name = 'hello-1-1.noarch.rpm'
    const put = (store: StoreFixture['store'], from: number, to: number, breaks: boolean) =>
      store.stage(KEY, name, bodyOf([data.subarray(from, to)], { breaks }), {
        ...AMPLE,
        offset: from,
      })
    assert.equal((await put(fixture.store, 0, 100, true)).size, 100)
    assert.equal((await put(fixture.another(), 100, 9 * MB, true)).size, 9 * MB)
    const wrong = await put(fixture.store, 5, 6, false)
    assert.deepEqual(wrong, { at_offset: false, size: 9 * MB })
    const last = await put(fixture.store, 9 * MB, data.length, false)
    assert.deepEqual(last, { at_offset: true, size: data.length })
    for (const store of [fixture.another(), fixture.store])
      await store.verifyStaged(KEY, [listed(name, data)])
    assert.equal(await found(fixture.store, `${resultsOf(1)}/${name}`), undefined)
    await fixture.another().place(KEY, [name], resultsOf(1))
    assert.deepEqual(await readTree(fixture.store, `${resultsOf(1)}/${name}`), data)
    const range = { start: 8 * MB - 5, end: 9 * MB + 5 }
    assert.deepEqual(
      await readTree(fixture.store, `${resultsOf(1)}/${name}`, range),
      data.subarray(range.start, range.end + 1),
    )
  })

  test('files are verified by size and digest', async () => {
    await using fixture = await open()
    const { store } = fixture
    await store.stage(KEY, 'a', bodyOf(['abc']), AMPLE)
    await store.stage(KEY, 'empty', bodyOf([]), AMPLE)
    const a = listed('a', 'abc')
    for (const each of [store, fixture.another()]) {
      await each.verifyStaged(KEY, [a, listed('empty', '')])
      await each.verifyStaged(KEY, [])
      for (const files of [
        [{ ...a, sha256: '0'.repeat(64) }],
        [{ ...a, size: 4 }],
        [a, a],
        [listed('missing', '')],
      ])
        await assert.rejects(each.verifyStaged(KEY, files), { kind: 'invalid' })
    }
  })

  test('the total size of the files of a task is limited', async () => {
    await using fixture = await open()
    const limits = { offset: 0, max_total: 10 }
    await fixture.store.stage(KEY, 'a', bodyOf(['12345678']), limits)
    for (const store of [fixture.store, fixture.another()])
      await assert.rejects(store.stage(KEY, 'b', bodyOf(['123']), limits), { kind: 'too_large' })
  })

  test('staged files can be placed repeatedly, listed, and dropped', async () => {
    await using fixture = await open()
    const { store } = fixture
    const other = { task: 8, lease: 'other' }
    await store.stage(KEY, 'hello.spec', bodyOf(['Name: hello\n']), AMPLE)
    await store.stage(KEY, 'empty', bodyOf([]), AMPLE)
    await store.stage(other, 'hello.spec', bodyOf(['Name: other\n']), AMPLE)
    for (const each of [store, fixture.another(), store])
      await each.place(KEY, ['hello.spec', 'empty'], resultsOf(1))
    assert.deepEqual(await namesIn(store, resultsOf(1)), ['empty', 'hello.spec'])
    assert.equal(await textIn(store, `${resultsOf(1)}/hello.spec`), 'Name: hello\n')
    assert.equal(await textIn(store, `${resultsOf(1)}/empty`), '')
    assert.deepEqual(
      (await fixture.another().listStaged()).toSorted((a, b) => a.task - b.task),
      [KEY, other],
    )
    await store.dropStaged(KEY)
    await store.dropStaged(KEY)
    assert.deepEqual(await store.listStaged(), [other])
    assert.equal(await textIn(store, `${resultsOf(1)}/hello.spec`), 'Name: hello\n')
    await store.unplace(resultsOf(1), ['hello.spec', 'missing'])
    assert.deepEqual(await namesIn(store, resultsOf(1)), ['empty'])
    await assert.rejects(store.withStaged(KEY, 'hello.spec', async (path) => readFile(path)))
  })

  test('reports of fedora-review are placed in a folder named fedora-review', async () => {
    await using fixture = await open()
    const { store } = fixture
    const names = ['fedora-review~review.txt', 'fedora-review~', 'fedora-review~1-1.noarch.rpm']
    for (const name of [...names, 'rpmlint.txt'])
      await store.stage(KEY, name, bodyOf([name]), AMPLE)
    for (const each of [store, fixture.another()])
      await each.place(KEY, [...names, 'rpmlint.txt'], resultsOf(1))
    assert.deepEqual(await namesIn(store, resultsOf(1)), [
      'fedora-review/',
      'fedora-review~',
      'fedora-review~1-1.noarch.rpm',
      'rpmlint.txt',
    ])
    assert.deepEqual(await namesIn(store, `${resultsOf(1)}/fedora-review`), ['review.txt'])
    assert.equal(await textIn(store, `${resultsOf(1)}/fedora-review/review.txt`), names[0])
  })

  for (const [what, size] of [
    ['small', 1000],
    ['large', 18 * MB + 5],
  ] as const)
    test(`changeHead() replaces the head of a ${what} file repeatedly, by a longer or shorter one`, async () => {
      await using fixture = await open()
      const data = randomBytes(size)
      await fixture.store.stage(KEY, 'x.rpm', bodyOf([data]), AMPLE)
      let expected = data
      for (const [replaced, head] of [
        [100, randomBytes(100)],
        [100, randomBytes(164)],
        [164, randomBytes(20)],
      ] as const) {
        const store = fixture.another()
        await store.changeHead(KEY, 'x.rpm', (path) => replaceHead(path, replaced, head))
        expected = Buffer.concat([head, expected.subarray(replaced)])
        for (const each of [store, fixture.another()])
          assert.ok(
            (await each.withStaged(KEY, 'x.rpm', (path) => readFile(path))).equals(expected),
          )
      }
      await fixture.another().place(KEY, ['x.rpm'], resultsOf(1))
      assert.ok((await readTree(fixture.store, `${resultsOf(1)}/x.rpm`))?.equals(expected))
    })

  test('changeHead() can be retried after an interruption', async () => {
    await using fixture = await open()
    const data = randomBytes(500)
    await fixture.store.stage(KEY, 'x.rpm', bodyOf([data]), AMPLE)
    const broken = fixture
      .another()
      .changeHead(KEY, 'x.rpm', () => Promise.reject(new Error('killed')))
    await assert.rejects(broken, /killed/)
    const head = randomBytes(10)
    await fixture.another().changeHead(KEY, 'x.rpm', (path) => replaceHead(path, 10, head))
    const after = await fixture.store.withStaged(KEY, 'x.rpm', (path) => readFile(path))
    assert.ok(after.equals(Buffer.concat([head, data.subarray(10)])))
  })

  test('an SRPM is kept until its import, whether a user uploaded it or a builder created it', async () => {
    await using fixture = await open()
    const { store } = fixture
    const upload = 'a1b2c3d4-0000-4000-8000-000000000000'
    const uploaded = { build_id: 3, upload, file_name: 'hello-1-1.src.rpm' }
    const made = { build_id: 4, upload: null, file_name: 'hello-2-1.src.rpm' }
    await fixture.upload(upload, uploaded.file_name, Buffer.from('uploaded'))
    await store.stage(KEY, 'any.src.rpm', bodyOf(['made']), AMPLE)
    await store.keepSrpm(KEY, 'any.src.rpm', made)
    await store.dropStaged(KEY)
    for (const [srpm, text] of [
      [uploaded, 'uploaded'],
      [made, 'made'],
    ] as const) {
      const file = await fixture.another().findSrpm(srpm)
      assert.ok(file)
      assert.equal(await new Response(await file.read()).text(), text)
      await store.placeSrpm(srpm, resultsOf(srpm.build_id))
      assert.equal(await textIn(store, `${resultsOf(srpm.build_id)}/${srpm.file_name}`), text)
    }
    assert.deepEqual(await store.listSrpms(new Date(0)), [])
    const { file_name: _, ...one } = { ...uploaded, build_id: 0 }
    const { file_name: __, ...two } = made
    const waiting = await store.listSrpms(new Date(Date.now() + 60_000))
    assert.deepEqual(
      waiting.toSorted((a, b) => a.build_id - b.build_id),
      [one, two],
    )
    for (const srpm of [uploaded, made, made]) {
      await store.dropSrpm(srpm)
      assert.equal(await store.findSrpm(srpm), undefined)
      await store.placeSrpm(srpm, resultsOf(srpm.build_id))
    }
    assert.deepEqual(await store.listSrpms(new Date(Date.now() + 60_000)), [])
  })
}

async function replaceHead(path: string, replaced: number, head: Buffer): Promise<number> {
  const before = await readFile(path)
  if (head.length === replaced) {
    await using file = await openFile(path, 'r+')
    await file.write(head, 0, head.length, 0)
    return replaced
  }
  await writeFile(`${path}.new`, head)
  await appendFile(`${path}.new`, before.subarray(replaced))
  await rename(`${path}.new`, path)
  return replaced
}
