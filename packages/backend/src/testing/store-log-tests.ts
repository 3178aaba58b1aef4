import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Found } from '../store/results-store.ts'
import {
  bodyOf,
  found,
  namesIn,
  resultsOf,
  type StoreFixture,
  textIn,
  unpackedIn,
} from './store-fixture.ts'

const LOG = 'builder-live.log'

export function logTests(open: () => Promise<StoreFixture>): void {
  test('ranges of a log can be read while several processes append to it', async () => {
    await using fixture = await open()
    const { store } = fixture
    const path = resultsOf(1)
    await store.makeDir(path)
    let size = 0
    let text = ''
    for (let line = 0; line < 80; line++) {
      const more = `line ${line}\n`
      const writer = line % 20 === 19 ? fixture.another() : store
      const appended = await writer.appendLog(path, LOG, bodyOf([more]), {
        offset: size,
        max_size: 10_000,
      })
      text += more
      size += more.length
      assert.deepEqual(appended, { at_offset: true, size })
      if (line % 13 === 0) assert.equal(await textIn(store, `${path}/${LOG}`), text)
    }
    const range = { start: 7, end: size - 3 }
    assert.equal(await textIn(store, `${path}/${LOG}`, range), text.slice(7, -2))
    assert.equal(await textIn(fixture.another(), `${path}/${LOG}`, range), text.slice(7, -2))
    assert.deepEqual(await namesIn(store, path), [LOG])
    const it = await found(store, `${path}/${LOG}`)
    assert.ok(it?.kind === 'file')
    assert.equal(it.file.size, size)
    await it.file.close()
  })

  test('an append at any offset except the end of the log is refused, and the response contains the size of the log', async () => {
    await using fixture = await open()
    const path = resultsOf(1)
    const append = (store: StoreFixture['store'], offset: number, text: string) =>
      store.appendLog(path, LOG, bodyOf([text]), { offset, max_size: 10 })
    await append(fixture.store, 0, 'one')
    for (const store of [fixture.store, fixture.another()])
      for (const offset of [0, 2, 4])
        assert.deepEqual(await append(store, offset, 'x'), { at_offset: false, size: 3 })
    await assert.rejects(append(fixture.store, 3, '12345678'), { kind: 'too_large' })
    assert.equal((await textIn(fixture.store, `${path}/${LOG}`))?.slice(0, 3), 'one')
  })

  test('log data that was received before the client disconnected is kept', async () => {
    await using fixture = await open()
    const path = resultsOf(1)
    const limits = { offset: 0, max_size: 100 }
    const body = bodyOf(['begins ', 'well'], { breaks: true })
    assert.equal((await fixture.store.appendLog(path, LOG, body, limits)).size, 11)
    assert.equal(await textIn(fixture.store, `${path}/${LOG}`), 'begins well')
  })

  test('a newer request for the same log aborts an older one', async () => {
    await using fixture = await open()
    const path = resultsOf(1)
    let begin: (() => void) | undefined
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const hanging = new ReadableStream<Uint8Array>({ pull: () => begin?.() })
    const older = fixture.store.appendLog(path, LOG, hanging, { offset: 0, max_size: 100 })
    await begun
    const newer = await fixture.store.appendLog(path, LOG, bodyOf(['new']), {
      offset: 0,
      max_size: 100,
    })
    assert.deepEqual(newer, { at_offset: true, size: 3 })
    assert.equal((await older).at_offset, false)
  })

  test('a finished log is found under its old name after compression, and compressing it again changes nothing', async () => {
    await using fixture = await open()
    const { store } = fixture
    const path = resultsOf(1)
    for (const [offset, text] of [
      [0, 'one\n'],
      [4, 'two\n'],
    ] as const)
      await store.appendLog(path, LOG, bodyOf([text]), { offset, max_size: 100 })
    await store.note(path, 'claimed')
    await store.note(path, 'built')
    assert.equal(await textIn(store, `${path}/backend.log`), 'claimed\nbuilt\n')
    for (const each of [store, fixture.another(), store]) {
      await each.sealLogs(path)
      assert.deepEqual(await found(each, `${path}/${LOG}`), { kind: 'packed' })
      assert.equal(await unpackedIn(each, `${path}/${LOG}.gz`), 'one\ntwo\n')
      assert.equal(await unpackedIn(each, `${path}/backend.log.gz`), 'claimed\nbuilt\n')
    }
    assert.deepEqual(await namesIn(store, path), ['backend.log.gz', `${LOG}.gz`])
  })

  test('a reader of a log that is compressed in the meantime can read it to its end', async () => {
    await using fixture = await open()
    const { store } = fixture
    const path = resultsOf(1)
    const whole = Array.from({ length: 10 }, (_, line) => `line ${line}\n`).join('')
    for (let offset = 0; offset < whole.length; offset += 7) {
      const body = bodyOf([whole.slice(offset, offset + 7)])
      await store.appendLog(path, LOG, body, { offset, max_size: 1000 })
    }
    const logs: { start: number; it: Found }[] = []
    for (const start of [0, 30]) logs.push({ start, it: await found(store, `${path}/${LOG}`) })
    await fixture.another().sealLogs(path)
    for (const { start, it } of logs) {
      assert.ok(it?.kind === 'file')
      const read = await new Response(await it.file.read({ start, end: 60 })).text()
      assert.equal(read, whole.slice(start, 61))
    }
  })

  test('all notes that several processes write to a log are kept, in chronological order', async () => {
    await using fixture = await open()
    const path = resultsOf(1)
    const other = fixture.another()
    for (let i = 0; i < 6; i++) await (i % 2 ? other : fixture.store).note(path, `note ${i}`)
    await fixture.store.sealLogs(path)
    const text = await unpackedIn(other, `${path}/backend.log.gz`)
    assert.equal(text, 'note 0\nnote 1\nnote 2\nnote 3\nnote 4\nnote 5\n')
  })

  test('the logs of an earlier attempt are moved to a backup folder, and those of a new attempt begin at offset 0', async () => {
    await using fixture = await open()
    const { store } = fixture
    const path = resultsOf(1)
    const names = [LOG, `${LOG}.gz`]
    const append = (text: string, offset = 0) =>
      store.appendLog(path, LOG, bodyOf([text]), { offset, max_size: 100 })
    await append('first')
    await store.setAside(path, names)
    assert.equal(await found(store, `${path}/${LOG}`), undefined)
    assert.equal(await textIn(store, `${path}/prev_build_backup/${LOG}`), 'first')
    assert.deepEqual(await append('second try'), { at_offset: true, size: 10 })
    await store.sealLogs(path)
    await store.setAside(path, names)
    assert.equal(await unpackedIn(store, `${path}/prev_build_backup/${LOG}.gz`), 'second try')
    assert.equal(await found(store, `${path}/${LOG}.gz`), undefined)
    await append('third')
    await store.setAside(path, names)
    assert.equal(await textIn(store, `${path}/prev_build_backup/${LOG}`), 'third')
    assert.deepEqual(await namesIn(store, path), ['prev_build_backup/'])
    await store.setAside(path, names)
  })
}
