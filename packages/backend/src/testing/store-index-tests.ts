import assert from 'node:assert/strict'
import { readFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { found, namesIn, REPOSITORY, type StoreFixture, textIn } from './store-fixture.ts'

const NOW = new Date('2026-11-26T12:00:00Z')
const minutesLater = (minutes: number): Date => new Date(NOW.getTime() + minutes * 60_000)

export function indexTests(open: () => Promise<StoreFixture>): void {
  test('a new index replaces the previous one immediately, and the old files can be fetched for ten more minutes', async () => {
    await using fixture = await open()
    const { store } = fixture
    await store.makeDir(REPOSITORY)
    await publish(store, { generation: 1, now: NOW })
    await assertShown(store, 1)
    for (const [generation, minutes] of [
      [2, 1],
      [3, 2],
    ] as const) {
      await publish(fixture.another(), { generation, now: minutesLater(minutes) })
      await assertShown(store, generation)
      await assertShown(fixture.another(), generation)
    }
    assert.deepEqual(await namesIn(store, `${REPOSITORY}/repodata`), [
      '1-primary.xml.gz',
      '2-primary.xml.gz',
      '3-primary.xml.gz',
      'repomd.xml',
      'repomd.xml.asc',
    ])
    await publish(store, { generation: 4, now: minutesLater(11.5) })
    assert.equal(await found(store, `${REPOSITORY}/repodata/1-primary.xml.gz`), undefined)
    assert.equal(await textIn(store, `${REPOSITORY}/repodata/2-primary.xml.gz`), 'data 2')
    assert.equal(await textIn(store, `${REPOSITORY}/repodata/3-primary.xml.gz`), 'data 3')
    assert.deepEqual(await namesIn(store, REPOSITORY), ['repodata/'])
  })

  test('a file that is removed from the index and added again is kept', async () => {
    await using fixture = await open()
    const { store } = fixture
    await store.makeDir(REPOSITORY)
    const files = [['1'], ['2'], ['1']]
    for (const [at, names] of files.entries())
      await publish(store, { generation: at + 1, now: minutesLater(at), names })
    await publish(store, { generation: 4, now: minutesLater(30), names: ['1'] })
    assert.equal(await textIn(store, `${REPOSITORY}/repodata/1-primary.xml.gz`), 'data 1')
    assert.equal(await found(store, `${REPOSITORY}/repodata/2-primary.xml.gz`), undefined)
  })

  test('the next index is based on the published one', async () => {
    await using fixture = await open()
    const { store } = fixture
    await store.makeDir(REPOSITORY)
    {
      await using workspace = await store.openIndex(REPOSITORY, { is_devel: false })
      assert.equal(workspace.previous, undefined)
    }
    await publish(store, { generation: 1, now: NOW })
    await using workspace = await fixture.another().openIndex(REPOSITORY, { is_devel: false })
    assert.ok(workspace.previous)
    const repodata = join(workspace.previous, 'repodata')
    assert.equal(await readFile(join(repodata, 'repomd.xml'), 'utf8'), repomd('1'))
    assert.equal(await readFile(join(repodata, '1-primary.xml.gz'), 'utf8'), 'data 1')
  })

  test('an unfinished index changes nothing', async () => {
    await using fixture = await open()
    const { store } = fixture
    await store.makeDir(REPOSITORY)
    await publish(store, { generation: 1, now: NOW })
    {
      await using workspace = await store.openIndex(REPOSITORY, { is_devel: false })
      await make(workspace.into, ['2'])
    }
    await assertShown(fixture.another(), 1)
    assert.equal(await found(store, `${REPOSITORY}/repodata/2-primary.xml.gz`), undefined)
  })

  test('the devel index is separate from the main one, and is removed separately', async () => {
    await using fixture = await open()
    const { store } = fixture
    await store.makeDir(REPOSITORY)
    await publish(store, { generation: 1, now: NOW })
    await publish(store, { generation: 2, now: NOW, is_devel: true })
    await assertShown(store, 1)
    await assertShown(store, 2, `${REPOSITORY}/devel`)
    await store.removeDevel(REPOSITORY)
    await store.removeDevel(REPOSITORY)
    assert.equal(await found(store, `${REPOSITORY}/devel`), undefined)
    await assertShown(store, 1)
  })
}

const repomd = (name: string): string =>
  `<repomd><data type="primary"><location href="repodata/${name}-primary.xml.gz"/></data></repomd>`

async function make(into: string, names: string[]): Promise<void> {
  const dir = join(into, 'repodata')
  await mkdir(dir)
  for (const name of names) await writeFile(join(dir, `${name}-primary.xml.gz`), `data ${name}`)
  await writeFile(join(dir, 'repomd.xml'), repomd(names[0] ?? ''))
  await writeFile(join(dir, 'repomd.xml.asc'), `signature of ${names[0]}`)
}

interface Publication {
  generation: number
  now: Date
  is_devel?: boolean
  names?: string[]
}

async function publish(
  store: StoreFixture['store'],
  { generation, now, is_devel = false, names = [String(generation)] }: Publication,
): Promise<void> {
  await using workspace = await store.openIndex(REPOSITORY, { is_devel })
  await make(workspace.into, names)
  await workspace.publish({ generation, now })
}

async function assertShown(
  store: StoreFixture['store'],
  generation: number,
  path: string = REPOSITORY,
): Promise<void> {
  const name = String(generation)
  assert.equal(await textIn(store, `${path}/repodata/repomd.xml`), repomd(name))
  assert.equal(await textIn(store, `${path}/repodata/repomd.xml.asc`), `signature of ${name}`)
  assert.equal(await textIn(store, `${path}/repodata/${name}-primary.xml.gz`), `data ${name}`)
}
