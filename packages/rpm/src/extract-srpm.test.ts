import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { RpmFormatError } from './errors.ts'
import { extractSrpm } from './extract-srpm.ts'
import { readPackageInfo } from './package-info.ts'
import { FILE_FLAG, SIGNATURE_TAG, TAG, TYPE } from './tags.ts'
import { cpioArchive } from './testing/make-cpio.ts'
import { buildSrpm, int64, makeRpm, type MadeFile, type MadeRpm } from './testing/make-rpm.ts'
import { buildRealPackages, missingTools, run, temporaryDirectory } from './testing/real-rpm.ts'
import { binary, int32, strings } from './write-header.ts'

const LIMITS = { maxFiles: 10, maxFileSize: 1_000_000, maxTotalSize: 2_000_000 }
const SPEC: MadeFile = { name: 'hello.spec', content: 'Name: hello\n' }

suite('source packages made by rpmbuild', { skip: missingTools('rpmbuild') }, () => {
  for (const payload of [
    'w9.gzdio',
    'w9.bzdio',
    'w1.bzdio',
    'w9.xzdio',
    'w9.lzdio',
    'w19.zstdio',
    'w0.ufdio',
  ])
    test(`extractSrpm() unpacks payload ${payload}`, async () => {
      await using dir = await temporaryDirectory()
      const content = 'a line of text\n'.repeat(20_000)
      const { source } = buildRealPackages(dir.path, { payload, content })
      const destDir = join(dir.path, 'out')
      mkdirSync(destDir)
      const { spec, files } = await extractSrpm(source, destDir, LIMITS)
      assert.equal(spec, 'hello.spec')
      assert.deepEqual(files.map(({ name }) => name).toSorted(), [
        'a.txt',
        'empty.txt',
        'hello.spec',
      ])
      for (const { name, size, sha256, md5 } of files) {
        const bytes = readFileSync(join(destDir, name))
        assert.deepEqual(bytes, readFileSync(join(dir.path, name)))
        assert.equal(bytes.length, size)
        assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256)
        assert.equal(createHash('md5').update(bytes).digest('hex'), md5)
        assert.equal(statSync(join(destDir, name)).mode & 0o7777 & ~0o644, 0)
      }
    })

  test('extractSrpm() refuses a binary package', async () => {
    await using dir = await temporaryDirectory()
    const { binary: path } = buildRealPackages(dir.path, { payload: 'w9.gzdio' })
    await assert.rejects(
      extractSrpm(path, dir.path, LIMITS),
      /hello.noarch.rpm: it is not a source package/,
    )
  })

  test('rpm accepts what buildSrpm() makes', async () => {
    await using dir = await temporaryDirectory()
    const path = await buildSrpm(join(dir.path, 'made.src.rpm'), { requires: ['make'] })
    assert.match(run('rpmkeys', ['-K', path]), /digests OK/)
    assert.equal(run('rpm', ['-qp', '--qf', '%{nvr}', path]), 'hello-1.0-1')
  })
})

for (const compressor of ['gzip', 'zstd', 'identity'] as const)
  for (const isStripped of [false, true])
    test(`extractSrpm() unpacks a ${isStripped ? 'stripped ' : ''}cpio archive compressed with ${compressor}`, async () => {
      await using dir = await temporaryDirectory()
      const files = [{ name: 'a.tar', content: 'abcde' }, { name: 'empty' }]
      const path = await buildSrpm(join(dir.path, 'a.src.rpm'), { files, compressor, isStripped })
      const destDir = join(dir.path, 'out')
      mkdirSync(destDir)
      const extracted = await extractSrpm(path, destDir, LIMITS)
      assert.deepEqual(
        extracted.files.map(({ name, size }) => `${name} ${size}`),
        ['hello.spec 12', 'a.tar 5', 'empty 0'],
      )
      assert.equal(readFileSync(join(destDir, 'a.tar'), 'utf8'), 'abcde')
    })

test('extractSrpm() unpacks a package without the files that a NoSource tag excludes', async () => {
  await using dir = await temporaryDirectory()
  const left: MadeFile = { name: 'left.bin', isLeftOut: true, listedSize: 2 ** 31 }
  const bytes = makeRpm({ files: [SPEC, left, { name: 'a' }] })
  assert.equal((await readPackageInfo(bytes)).fileName, 'hello-1.0-1.nosrc.rpm')
  const { files } = await extractSrpm(bytes, dir.path, LIMITS)
  assert.deepEqual(
    files.map(({ name }) => name),
    ['hello.spec', 'a'],
  )
})

const MEGABYTE = 1024 * 1024
const BAD: Record<string, { rpm: MadeRpm; message: RegExp }> = {
  'no file at all': { rpm: {}, message: /it contains no spec file/ },
  'a flagged spec that is a ghost': {
    rpm: {
      files: [{ ...SPEC, isArchived: false }],
      headerEntries: [int32(TAG.FILEFLAGS, [FILE_FLAG.SPECFILE | FILE_FLAG.GHOST])],
    },
    message: /its payload lacks the spec file "hello.spec"/,
  },
  'a name that leads up': named('../evil', /contains '\/'/),
  'the name ..': named('..', /is that of a directory/),
  'the name .': named('.', /is that of a directory/),
  'the name .git': named('.git', /is one that git reserves/),
  'an absolute name': named('/etc/passwd', /contains '\/'/),
  'a name with directory': named('a/b', /contains '\/'/),
  'a name like an option': named('-rf', /starts with '-'/),
  'a name with newline': named('a\nb', /contains a control character/),
  'a name with NUL': named('a\0b', /contains a control character/),
  'a name with escape': named('a\u001b[2J', /contains a control character/),
  'an empty name': named('', /is empty/),
  'a long name': named('a'.repeat(256), /longer than 255 bytes/),
  'a name beyond all limits': named('a'.repeat(5000), /a file name of 5001 bytes/),
  'a symlink': {
    rpm: { files: [SPEC, { name: 'l', content: '/etc', mode: 0o120777 }] },
    message: /"l" is not a regular file/,
  },
  'a device': {
    rpm: { files: [SPEC, { name: 'd', mode: 0o20666 }] },
    message: /not a regular file/,
  },
  'a directory': {
    rpm: { files: [SPEC, { name: 'd', mode: 0o40755 }] },
    message: /not a regular file/,
  },
  'a file twice': {
    rpm: { files: [SPEC, { name: 'x' }, { name: 'x' }] },
    message: /"x" appears twice/,
  },
  'an unlisted file': {
    rpm: { files: [SPEC, { name: 'x', isListed: false }] },
    message: /"x" is not in the header's list/,
  },
  'a missing file': {
    rpm: { files: [SPEC, { name: 'x', isArchived: false }] },
    message: /its payload lacks file "x"/,
  },
  'a file whose size differs from the list': {
    rpm: { files: [SPEC, { name: 'x', listedSize: 5 }] },
    message: /has 0 bytes, but 5 according to the header/,
  },
  'a file whose content differs from the list': {
    rpm: {
      files: [SPEC],
      headerEntries: [strings(TAG.FILEDIGESTS, TYPE.STRING_ARRAY, ['0'.repeat(64)])],
    },
    message: /"hello.spec" does not match its digest/,
  },
  'a file of 4 GiB': {
    rpm: { files: [SPEC, { name: 'x', archivedSize: 0xffff_ffff, listedSize: 0xffff_ffff }] },
    message: /"x" has \d+ bytes, the limit is 1000000/,
  },
  'a file of 2^60 bytes': {
    rpm: {
      files: [SPEC],
      isStripped: true,
      headerEntries: [int64(TAG.LONGFILESIZES, [1n << 60n])],
    },
    message: /tag 5008 holds a number that is too large/,
  },
  'a file of 2^50 bytes': {
    rpm: {
      files: [SPEC],
      isStripped: true,
      headerEntries: [int64(TAG.LONGFILESIZES, [1n << 50n])],
    },
    message: /has \d+ bytes, the limit is 1000000/,
  },
  'too much together': {
    rpm: {
      files: [SPEC, ...[1, 2, 3].map((i) => ({ name: `f${i}`, content: Buffer.alloc(900_000) }))],
    },
    message: /contents have \d+ bytes up to file "\w+", the limit is 2000000/,
  },
  'too many files': {
    rpm: { files: [SPEC, ...Array.from({ length: 10 }, (_, i) => ({ name: `f${i}` }))] },
    message: /more than 10 files/,
  },
  'a bomb after the last file': {
    rpm: { files: [SPEC], archive: bombAfterTrailer() },
    message: /its payload continues after its last file/,
  },
  'an endless gzip payload': {
    rpm: { files: [SPEC], payload: gzipSync(Buffer.alloc(64 * MEGABYTE)) },
    message: /its payload is not a cpio archive/,
  },
  'a file that hides a zstd bomb': {
    rpm: {
      files: [
        SPEC,
        { name: 'big', content: Buffer.alloc(0), archivedSize: 900_000, listedSize: 900_000 },
      ],
      compressor: 'zstd',
      payload: zstdCompressSync(bombInFile()),
    },
    message: /does not match its digest|is not a cpio archive/,
  },
  'a cut archive': {
    rpm: { files: [SPEC, { name: 'x', archivedSize: 5000, listedSize: 5000 }] },
    message: /its payload is truncated/,
  },
  'an empty payload': {
    rpm: { files: [SPEC], payload: Buffer.alloc(0) },
    message: /its payload is (damaged|truncated)/,
  },
  'a payload of another kind': {
    rpm: { files: [SPEC], payload: Buffer.from('hello') },
    message: /its payload is damaged/,
  },
  'an unknown compressor': {
    rpm: { files: [SPEC], headerEntries: [strings(TAG.PAYLOADCOMPRESSOR, TYPE.STRING, ['lrzip'])] },
    message: /payload compressor "lrzip" is not supported/,
  },
  'an unknown archive': {
    rpm: { files: [SPEC], headerEntries: [strings(TAG.PAYLOADFORMAT, TYPE.STRING, ['drpm'])] },
    message: /payload format "drpm" is not supported/,
  },
  'a wrong payload digest': {
    rpm: {
      files: [SPEC],
      headerEntries: [strings(TAG.PAYLOADDIGEST, TYPE.STRING_ARRAY, ['0'.repeat(64)])],
    },
    message: /its payload does not match the payload digest/,
  },
  'a payload digest of an unknown kind': {
    rpm: { files: [SPEC], headerEntries: [int32(TAG.PAYLOADDIGESTALGO, [99])] },
    message: /payload digest has the unknown algorithm 99/,
  },
  'a wrong MD5': {
    rpm: { files: [SPEC], signatureEntries: [binary(SIGNATURE_TAG.MD5, Buffer.alloc(16))] },
    message: /does not match the MD5 digest/,
  },
  'a wrong header digest': {
    rpm: {
      files: [SPEC],
      signatureEntries: [strings(SIGNATURE_TAG.SHA256HEADER, TYPE.STRING, ['0'.repeat(64)])],
    },
    message: /header does not match the sha256 digest/,
  },
  'a package whose size differs from its header': {
    rpm: { files: [SPEC], signatureEntries: [int32(SIGNATURE_TAG.SIZE, [1])] },
    message: /header and payload should have 1 bytes/,
  },
  'fewer sizes than files': {
    rpm: { files: [SPEC], headerEntries: [int32(TAG.FILESIZES, [1, 2])] },
    message: /lists 1 files but 2 sizes/,
  },
  'a file without directory': {
    rpm: { files: [SPEC], headerEntries: [int32(TAG.DIRINDEXES, [7])] },
    message: /file 0 in its list has no directory/,
  },
  'names that are numbers': {
    rpm: { files: [SPEC], headerEntries: [int32(TAG.BASENAMES, [7])] },
    message: /tag 1117 should hold text/,
  },
}

for (const [what, { rpm, message }] of Object.entries(BAD))
  test(`extractSrpm() refuses ${what} and leaves nothing`, async () => {
    await using dir = await temporaryDirectory()
    const path = join(dir.path, 'bad.src.rpm')
    writeFileSync(path, makeRpm(rpm))
    const destDir = join(dir.path, 'out')
    mkdirSync(destDir)
    await assert.rejects(extractSrpm(path, destDir, LIMITS), (error: Error) => {
      assert.ok(error instanceof RpmFormatError, String(error))
      assert.match(error.message, message)
      assert.match(error.message, /^Cannot read bad\.src\.rpm: /)
      return true
    })
    assert.deepEqual(readdirSync(destDir), [])
    assert.deepEqual(readdirSync(dir.path).toSorted(), ['bad.src.rpm', 'out'])
  })

test('extractSrpm() writes neither over a file nor through a symlink', async () => {
  await using dir = await temporaryDirectory()
  const path = await buildSrpm(join(dir.path, 'a.src.rpm'), {
    files: [{ name: 'a', content: 'new' }],
  })
  symlinkSync(join(dir.path, 'target'), join(dir.path, 'a'))
  await assert.rejects(extractSrpm(path, dir.path, LIMITS), { code: 'EEXIST' })
  assert.equal(existsSync(join(dir.path, 'target')), false)
  assert.deepEqual(readdirSync(dir.path).toSorted(), ['a', 'a.src.rpm'])
})

function named(name: string, message: RegExp): { rpm: MadeRpm; message: RegExp } {
  return { rpm: { files: [SPEC, { name }] }, message }
}

function bombAfterTrailer(): Buffer {
  return Buffer.concat([cpioArchive([SPEC], false), Buffer.alloc(64 * MEGABYTE)])
}

/** Makes an archive with a file that declares a size of 900,000 bytes but continues for 64 MiB. */
function bombInFile(): Buffer {
  const start = cpioArchive([{ name: 'big', archivedSize: 900_000 }], false)
  return Buffer.concat([start.subarray(0, start.indexOf('070701', 6)), Buffer.alloc(64 * MEGABYTE)])
}
