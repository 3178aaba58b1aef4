import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { readRpmHeaderFromBuffer } from './header.ts'
import { CHANGELOG_ENTRIES_SHOWN, metadataFault } from './metadata-text.ts'
import type { DependencyKind } from './package-info.ts'
import { TAG, TYPE } from './tags.ts'
import { int16, makeRpm } from './testing/make-rpm.ts'
import { missingTools, run, temporaryDirectory } from './testing/real-rpm.ts'
import { int32, type NewEntry, strings } from './write-header.ts'

const { STRING, STRING_ARRAY, I18NSTRING } = TYPE

/** Returns an entry with strings that need not be valid UTF-8. */
function bytes(tag: number, type: number, values: (string | Buffer)[]): NewEntry {
  const data = Buffer.concat(values.flatMap((value) => [Buffer.from(value), Buffer.from([0])]))
  return { tag, type, count: values.length, data }
}

function fileEntries(directory: string | Buffer, name: string | Buffer): NewEntry[] {
  return [
    int32(TAG.FILESIZES, [0]),
    int16(TAG.FILEMODES, [0o100644]),
    int32(TAG.FILEMTIMES, [1]),
    int32(TAG.FILEFLAGS, [0]),
    strings(TAG.FILEDIGESTS, STRING_ARRAY, ['']),
    strings(TAG.FILEUSERNAME, STRING_ARRAY, ['root']),
    strings(TAG.FILEGROUPNAME, STRING_ARRAY, ['root']),
    int32(TAG.DIRINDEXES, [0]),
    bytes(TAG.DIRNAMES, STRING_ARRAY, [directory]),
    bytes(TAG.BASENAMES, STRING_ARRAY, [name]),
  ]
}

const changelog = (texts: (string | Buffer)[], author: string | Buffer = 'A B'): NewEntry[] => [
  int32(
    TAG.CHANGELOGTIME,
    texts.map((_, i) => 1_700_000_000 - i),
  ),
  bytes(
    TAG.CHANGELOGNAME,
    STRING_ARRAY,
    texts.map(() => author),
  ),
  bytes(TAG.CHANGELOGTEXT, STRING_ARRAY, texts),
]

function dependency(kind: DependencyKind, name: Text, version: Text): NewEntry[] {
  return [
    int32(TAG[`${kind}FLAGS`], [8]),
    bytes(TAG[`${kind}NAME`], STRING_ARRAY, [name]),
    bytes(TAG[`${kind}VERSION`], STRING_ARRAY, [version]),
  ]
}

type Text = string | Buffer
const PLACES: [what: string, entries: (text: Text) => NewEntry[]][] = [
  ['summary', (text) => [bytes(TAG.SUMMARY, I18NSTRING, [text])]],
  ['description', (text) => [bytes(TAG.DESCRIPTION, I18NSTRING, [text])]],
  ['group', (text) => [bytes(TAG.GROUP, I18NSTRING, [text])]],
  ['license', (text) => [bytes(TAG.LICENSE, STRING, [text])]],
  ['URL', (text) => [bytes(TAG.URL, STRING, [text])]],
  ['vendor', (text) => [bytes(TAG.VENDOR, STRING, [text])]],
  ['packager', (text) => [bytes(TAG.PACKAGER, STRING, [text])]],
  ['build host', (text) => [bytes(TAG.BUILDHOST, STRING, [text])]],
  ['source package', (text) => [bytes(TAG.SOURCERPM, STRING, [text])]],
  ['file list', (text) => fileEntries('/usr/bin/', text)],
  [
    'list of directories',
    (text) => fileEntries(Buffer.concat([Buffer.from('/usr/'), Buffer.from(text)]), 'f'),
  ],
  ['changelog', (text) => changelog(['fine', text])],
  ['changelog author', (text) => changelog(['fine'], text)],
  ...(
    [
      ['requirement', 'REQUIRE'],
      ['provide', 'PROVIDE'],
      ['conflict', 'CONFLICT'],
      ['obsolete', 'OBSOLETE'],
      ['recommendation', 'RECOMMEND'],
      ['suggestion', 'SUGGEST'],
      ['supplement', 'SUPPLEMENT'],
      ['enhancement', 'ENHANCE'],
    ] as const
  ).flatMap(([what, kind]): [string, (text: Text) => NewEntry[]][] => [
    [`list of ${what}s`, (text) => dependency(kind, text, '1')],
    [`list of ${what}s`, (text) => dependency(kind, 'lens', text)],
  ]),
]

function packageWith(name: string, headerEntries: NewEntry[]): Buffer {
  return makeRpm({ name, sourceRpm: `${name}-1.0-1.src.rpm`, headerEntries })
}

async function faultOf(rpm: Buffer): Promise<string | undefined> {
  return metadataFault((await readRpmHeaderFromBuffer(rpm)).header)
}

for (const [at, [what, entries]] of PLACES.entries())
  test(`metadataFault() names the tag and the character (${at}: ${what})`, async () => {
    assert.equal(
      await faultOf(packageWith('lens', entries('bell \x07 here'))),
      `its ${what} contains the control character U+0007, which repository metadata cannot hold`,
    )
    assert.equal(await faultOf(packageWith('lens', entries('fine'))), undefined)
  })

for (const [text, named] of [
  ['\x1b[200~', 'the control character U+001B'],
  ['\u{fffe}', 'the noncharacter U+FFFE'],
  ['\u{ffff}', 'the noncharacter U+FFFF'],
  [Buffer.from('eda080', 'hex'), 'the surrogate U+D800'],
  [Buffer.from('efbfbd20edbfbf', 'hex'), 'the surrogate U+DFFF'],
  [Buffer.from('caf\xe9', 'latin1'), 'the byte 0xE9 that is not UTF-8'],
  [Buffer.from('c080', 'hex'), 'the byte 0xC0 that is not UTF-8'],
  [Buffer.from('f4908080', 'hex'), 'the byte 0xF4 that is not UTF-8'],
  [Buffer.from('efbfbde282', 'hex'), 'the byte 0xE2 that is not UTF-8'],
] as const)
  test(`metadataFault() refuses ${named} after ${Buffer.from(text).toString('hex')}`, async () => {
    assert.equal(
      await faultOf(packageWith('lens', [bytes(TAG.SUMMARY, I18NSTRING, [text])])),
      `its summary contains ${named}, which repository metadata cannot hold`,
    )
  })

test('metadataFault() ignores the changelog entries that metadata leaves out', async () => {
  const texts = Array.from({ length: CHANGELOG_ENTRIES_SHOWN }, () => 'fine')
  assert.equal(await faultOf(packageWith('lens', changelog([...texts, '\x1b']))), undefined)
  assert.match(
    (await faultOf(packageWith('lens', changelog([...texts.slice(1), '\x1b'])))) ?? '',
    /its changelog contains the control character U\+001B/,
  )
})

test('metadataFault() refuses a file list that is not an array', async () => {
  const entries = fileEntries('/usr/bin/', 'f').map((entry) =>
    entry.tag === TAG.BASENAMES ? strings(TAG.BASENAMES, STRING, ['f']) : entry,
  )
  assert.equal(
    await faultOf(packageWith('lens', entries)),
    'its file list is not stored as an array of strings',
  )
})

suite('createrepo_c', { skip: missingTools('createrepo_c') }, () => {
  /** Returns the names in primary.xml, filelists.xml and other.xml of a repository that contains these packages. */
  async function indexed(
    packages: Record<string, Buffer>,
  ): Promise<{ names: string[]; xml: string }[]> {
    await using dir = await temporaryDirectory()
    for (const [name, rpm] of Object.entries(packages))
      writeFileSync(join(dir.path, `${name}.rpm`), rpm)
    run('createrepo_c', ['--quiet', '--no-database', '--compress-type=gz', dir.path])
    const repodata = join(dir.path, 'repodata')
    return readdirSync(repodata)
      .filter((name) => name.endsWith('.xml.gz'))
      .map((name) => {
        const xml = gunzipSync(readFileSync(join(repodata, name))).toString()
        const found = xml.matchAll(/<name>([^<]*)<|<package pkgid="\w+" name="([^"]*)"/g)
        return { names: [...found].map(([, a, b]) => a ?? b ?? '').toSorted(), xml }
      })
  }

  test('createrepo_c indexes every text that metadataFault() accepts', async () => {
    const text = '\t\r\n \x7f \u0085 \ufffd \u{1f52d} <&>"\']]> &#27;'
    const long = 'x'.repeat(2_000_000)
    const packages = Object.fromEntries(
      PLACES.flatMap(([, entries], i) =>
        [text, long].map((value, j) => [
          `ok-${i}-${j}`,
          packageWith(`ok-${i}-${j}`, entries(value)),
        ]),
      ),
    )
    for (const rpm of Object.values(packages)) assert.equal(await faultOf(rpm), undefined)
    const files = await indexed(packages)
    assert.equal(files.length, 3)
    for (const { names } of files) assert.deepEqual(names, Object.keys(packages).toSorted())
  })

  test('createrepo_c leaves out every package with a control character that metadataFault() refuses', async () => {
    const packages = Object.fromEntries(
      PLACES.map(([, entries], i) => [`bad-${i}`, packageWith(`bad-${i}`, entries('\x1b'))]),
    )
    for (const { names } of await indexed(packages)) assert.deepEqual(names, [])
  })
})
