import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { verifyDigests } from './digests.ts'
import { listFiles } from './file-list.ts'
import { readRpmHeader, readRpmHeaderFromBuffer } from './header.ts'
import {
  checkPackageNames,
  dependencies,
  formatDependency,
  packageInfo,
  type PackageInfo,
  readPackageInfo,
} from './package-info.ts'
import { readPayload } from './payload.ts'
import { TAG } from './tags.ts'
import { makeRpm } from './testing/make-rpm.ts'
import {
  buildRealPackages,
  missingTools,
  type RealPackages,
  run,
  temporaryDirectory,
} from './testing/real-rpm.ts'
import { int32 } from './write-header.ts'

const LIMITS = { maxFiles: 100, maxFileSize: 1e6, maxTotalSize: 1e7 }

suite('packages made by rpmbuild', { skip: missingTools('rpmbuild', 'rpm') }, () => {
  let dir: Awaited<ReturnType<typeof temporaryDirectory>>
  let packages: RealPackages
  before(async () => {
    dir = await temporaryDirectory()
    packages = buildRealPackages(dir.path, { payload: 'w3.zstdio' })
  })
  after(() => dir[Symbol.asyncDispose]())

  test('readPackageInfo() reads a source package', async () => {
    const info = await readPackageInfo(packages.source)
    assert.partialDeepStrictEqual(info, {
      name: 'hello',
      epoch: 2,
      version: '1.0~rc1',
      release: '3',
      arch: 'src',
      isSource: true,
      nevra: 'hello-2:1.0~rc1-3.src',
      fileName: 'hello-1.0~rc1-3.src.rpm',
      sourceRpm: null,
      exclusiveArch: ['noarch', 'x86_64'],
      excludeArch: [],
      buildArchs: ['noarch'],
      license: 'MIT',
      summary: 'Greets',
      description: 'Says hello.',
      url: 'https://example.com/hello',
      vendor: null,
    })
    assert.ok(info.requires.map(formatDependency).includes('make >= 4'))
    assert.ok(info.requires.some(({ name }) => name.startsWith('rpmlib(')))
    checkPackageNames(info)
  })

  test('readPackageInfo() reads a binary package', async () => {
    const info = await readPackageInfo(packages.binary)
    assert.equal(info.nevra, 'hello-2:1.0~rc1-3.noarch')
    assert.equal(info.isSource, false)
    assert.equal(info.sourceRpm, 'hello-1.0~rc1-3.src.rpm')
    assert.ok(info.provides.map(formatDependency).includes('greeter = 5'))
  })

  test('readPackageInfo() returns the values that rpm prints', async () => {
    for (const path of [packages.source, packages.binary]) {
      const info = await readPackageInfo(path)
      const query = (format: string): string => run('rpm', ['-qp', '--qf', format, path])
      assert.equal(
        query('%{nevra} %{buildtime} %{size}').replace('.noarch ', `.${info.arch} `),
        `${info.nevra} ${info.buildTime} ${info.size}`,
      )
      const lines = run('rpm', ['-qp', '--requires', path]).trim().split('\n')
      assert.deepEqual(info.requires.map(formatDependency).toSorted(), lines.toSorted())
      const { header } = await readRpmHeader(path)
      const files = query('[%{filenames} %{filesizes} %{filemodes} %{filedigests}\n]')
      const ours = listFiles(header).map((f) => `${f.path} ${f.size} ${f.mode} ${f.digest}\n`)
      assert.equal(ours.join(''), files)
      assert.deepEqual(dependencies(header, 'CONFLICT'), [])
    }
  })

  test('readPayload() visits every file of a binary package', async () => {
    const seen: string[] = []
    await readPayload(packages.binary, LIMITS, async ({ name, mode, size, data }) => {
      const parts: Buffer[] = []
      if (!name.endsWith('link')) for await (const part of data) parts.push(part)
      seen.push(`${name} ${mode.toString(8)} ${size} ${Buffer.concat(parts).toString()}`)
    })
    assert.deepEqual(seen, [
      './usr/share/hello 40755 0 ',
      './usr/share/hello/a.txt 100644 6 hello\n',
      './usr/share/hello/link 120777 5 ',
    ])
  })

  for (const payload of ['w9.gzdio', 'w9.xzdio', 'w9.lzdio', 'w19.zstdio', 'w0.ufdio', 'w9.bzdio'])
    test(`verifyDigests() accepts a package with payload ${payload}`, async () => {
      const { source, binary } = buildRealPackages(`${dir.path}/${payload}`, { payload })
      const all = ['size', 'header-sha1', 'header-sha256', 'payload', 'header-and-payload-md5']
      assert.deepEqual(await verifyDigests(source), all)
      assert.deepEqual(await verifyDigests(binary), all)
    })
})

test('a source package that lacks sources has the architecture nosrc', async () => {
  const rpm = await readRpmHeaderFromBuffer(makeRpm({ headerEntries: [int32(TAG.NOSOURCE, [0])] }))
  assert.equal(packageInfo(rpm).nevra, 'hello-1.0-1.nosrc')
})

test('a package that claims to be source and binary is refused', async () => {
  const bytes = makeRpm({ sourceRpm: 'a.src.rpm', headerEntries: [int32(TAG.SOURCEPACKAGE, [1])] })
  const rpm = await readRpmHeaderFromBuffer(bytes, 'both.rpm')
  assert.throws(
    () => packageInfo(rpm),
    /^RpmFormatError: Cannot read both.rpm: its header marks it as/,
  )
})

for (const [tag, what] of [
  [TAG.NAME, 'name'],
  [TAG.VERSION, 'version'],
  [TAG.RELEASE, 'release'],
] as const)
  test(`a package without ${what} is refused`, async () => {
    const rpm = await readRpmHeaderFromBuffer(makeRpm({ without: [tag] }))
    assert.throws(() => packageInfo(rpm), new RegExp(`it has no ${what}`))
  })

const NAMES = { name: 'hello', version: '1.0~rc1^git2', release: '1.fc43', arch: 'x86_64' }
const BAD_NAMES: [Partial<Pick<PackageInfo, 'name' | 'version' | 'release' | 'arch'>>, RegExp][] = [
  [{ name: '' }, /package name "": it is empty/],
  [{ name: 'a/b' }, /it contains "\/"/],
  [{ name: '..' }, /starts with '\.'/],
  [{ name: 'a..b' }, /it contains '\.\.'/],
  [{ name: '-rf' }, /starts with '-'/],
  [{ name: 'a\nb' }, /it contains "\\n"/],
  [{ name: 'a\0b' }, /it contains "\\u0000"/],
  [{ name: 'a b' }, /it contains " "/],
  [{ name: 'ä' }, /it contains "ä"/],
  [{ name: 'a'.repeat(201) }, /longer than 200/],
  [{ name: 'a~b' }, /it contains "~"/],
  [{ version: '1-2' }, /version "1-2": it contains "-"/],
  [{ version: '' }, /version "": it is empty/],
  [{ release: '../1' }, /release/],
  [{ release: '1:2' }, /it contains ":"/],
  [{ arch: 'x86/64' }, /architecture/],
]
for (const [change, message] of BAD_NAMES)
  test(`checkPackageNames() refuses ${JSON.stringify(change).slice(0, 60)}`, () => {
    assert.throws(() => checkPackageNames({ ...NAMES, ...change }), message)
  })

test('checkPackageNames() accepts the names in use', () => {
  for (const name of ['hello', 'libstdc++', 'python3.13', 'ImageMagick-c++-devel', '0ad', 'a_b'])
    checkPackageNames({ ...NAMES, name })
})
