import assert from 'node:assert/strict'
import { test } from 'node:test'
import { removalPath, type ResultsPath } from '../store/paths.ts'
import {
  AMPLE,
  bodyOf,
  found,
  KEY,
  namesIn,
  REPOSITORY,
  resultsOf,
  type StoreFixture,
  textIn,
} from './store-fixture.ts'

export function treeTests(open: () => Promise<StoreFixture>): void {
  test('small files are replaced atomically and can be read', async () => {
    await using fixture = await open()
    const path = resultsOf(1)
    await fixture.store.makeDir(path)
    assert.equal(await fixture.store.readText(path, 'success'), undefined)
    for (const text of ['one', 'two\n']) {
      await fixture.store.write(path, 'success', text)
      assert.equal(await fixture.another().readText(path, 'success'), text)
      assert.equal(await textIn(fixture.store, `${path}/success`), text)
    }
  })

  test('an ETag changes only when the file changes', async () => {
    await using fixture = await open()
    const path = resultsOf(1)
    await fixture.store.makeDir(path)
    const etag = async (): Promise<string> => {
      const it = await found(fixture.another(), `${path}/build.info`)
      assert.ok(it?.kind === 'file')
      await it.file.close()
      assert.ok(Math.abs(it.file.mtime.getTime() - Date.now()) < 3_600_000)
      return it.file.etag
    }
    await fixture.store.write(path, 'build.info', 'one')
    const first = await etag()
    assert.match(first, /^"[^"]+"$/)
    assert.equal(await etag(), first)
    await fixture.store.write(path, 'build.info', 'two!')
    assert.notEqual(await etag(), first)
  })

  test('folders are listed with their entries, except hidden ones', async () => {
    await using fixture = await open()
    const { store } = fixture
    for (const id of [1, 2]) {
      await store.makeDir(resultsOf(id))
      await store.write(resultsOf(id), 'success', 'done\n')
    }
    await store.note(resultsOf(1), 'a note')
    await store.makeDir(resultsOf(3, 'telescope:pr:1'))
    await store.write(resultsOf(3, 'telescope:pr:1'), 'success', 'done\n')
    assert.deepEqual(await namesIn(store, ''), ['dana/'])
    assert.deepEqual(await namesIn(store, 'dana'), ['telescope/', 'telescope:pr:1/'])
    assert.deepEqual(await namesIn(store, REPOSITORY), ['00000001-hello/', '00000002-hello/'])
    assert.deepEqual(await namesIn(store, resultsOf(1)), ['backend.log', 'success'])
    const entries = await store.list(resultsOf(1).split('/'))
    assert.deepEqual(entries.map(({ name, size }) => `${name} ${size}`).toSorted(), [
      'backend.log 7',
      'success 5',
    ])
    assert.deepEqual(await namesIn(store, 'dana/missing'), [])
    assert.equal((await found(store, 'dana'))?.kind, 'dir')
    assert.equal((await store.find([]))?.kind, 'dir')
    assert.equal(await found(store, 'dan'), undefined)
    assert.equal(await found(store, `${resultsOf(1)}/success/x`), undefined)
    assert.equal(await found(store, `${resultsOf(1)}/${'x'.repeat(300)}`), undefined)
  })

  test('a fork contains the files of its source, except logs that are still growing', async () => {
    await using fixture = await open()
    const { store } = fixture
    const report = 'fedora-review~review.txt'
    await store.stage(KEY, 'hello-1-1.noarch.rpm', bodyOf(['package']), AMPLE)
    await store.stage(KEY, report, bodyOf(['report']), AMPLE)
    await store.place(KEY, ['hello-1-1.noarch.rpm', report], resultsOf(1))
    await store.appendLog(resultsOf(1), 'builder-live.log', bodyOf(['log']), {
      offset: 0,
      max_size: 100,
    })
    await store.sealLogs(resultsOf(1))
    await store.note(resultsOf(1), 'still growing')
    const to = resultsOf(5, 'binoculars')
    for (const each of [store, fixture.another()])
      assert.equal(await each.linkAll(resultsOf(1), to), true)
    assert.deepEqual(await namesIn(store, to), [
      'builder-live.log.gz',
      'fedora-review/',
      'hello-1-1.noarch.rpm',
    ])
    await store.remove(resultsOf(1))
    assert.equal(await textIn(store, `${to}/fedora-review/review.txt`), 'report')
    assert.equal(await textIn(store, `${to}/hello-1-1.noarch.rpm`), 'package')
    assert.equal(await store.linkAll(resultsOf(1), to), false)
  })

  test('removing a folder removes its contents, but not its siblings', async () => {
    await using fixture = await open()
    const { store } = fixture
    const paths = [
      resultsOf(1),
      resultsOf(2),
      resultsOf(1, 'telescope2'),
      resultsOf(1, 'telescope:pr:1'),
    ]
    for (const path of paths) {
      await store.makeDir(path)
      await store.write(path, 'success', 'done\n')
      await store.note(path, 'a note')
    }
    await store.remove(resultsOf(1))
    assert.equal(await found(store, resultsOf(1)), undefined)
    assert.equal(await found(store, `${resultsOf(1)}/success`), undefined)
    assert.equal((await found(store, resultsOf(2)))?.kind, 'dir')
    for (const each of [store, fixture.another()]) await each.remove(removalPath('dana/telescope'))
    assert.deepEqual(await namesIn(store, 'dana'), ['telescope2/', 'telescope:pr:1/'])
    await store.emptyTrash()
    await store.write(resultsOf(1, 'telescope2'), 'success', 'still\n')
    assert.equal(await textIn(store, `${resultsOf(1, 'telescope2')}/success`), 'still\n')
  })

  test('unsafe names are refused', async () => {
    await using fixture = await open()
    const { store } = fixture
    const path: ResultsPath = resultsOf(1)
    for (const name of ['..', '.x', 'a/b', '', 'a\n', '../../x']) {
      const body = (): ReadableStream<Uint8Array> => bodyOf(['x'])
      await assert.rejects(store.stage(KEY, name, body(), AMPLE), { kind: 'invalid' })
      await assert.rejects(store.place(KEY, [name], path), { kind: 'invalid' })
      await assert.rejects(async () => await store.write(path, name, 'x'), { kind: 'invalid' })
      await assert.rejects(store.appendLog(path, name, body(), { offset: 0, max_size: 10 }), {
        kind: 'invalid',
      })
    }
    for (const lease of ['..', 'a/b', ''])
      await assert.rejects(store.stage({ task: 1, lease }, 'x', bodyOf(['x']), AMPLE), {
        kind: 'invalid',
      })
    const srpm = { build_id: 1, upload: '../x', file_name: 'x.src.rpm' }
    await assert.rejects(store.findSrpm(srpm), { kind: 'invalid' })
  })
}
