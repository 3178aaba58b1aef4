import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { verifyDigests } from './digests.ts'
import { HEADER_MAGIC } from './header-block.ts'
import { LEAD_SIZE, readRpmHeader } from './header.ts'
import {
  deleteSignatures,
  readHeaderSignature,
  readSignedRegion,
  type SignatureAlgorithm,
  writeHeaderSignature,
} from './signature.ts'
import { keptEntries } from './signature-layout.ts'
import { SIGNATURE_TAG } from './tags.ts'
import {
  buildRealPackages,
  missingTools,
  type RealPackages,
  run,
  temporaryDirectory,
} from './testing/real-rpm.ts'
import { buildHeader } from './write-header.ts'

const ALGORITHMS = { rsa: 'rsa4096', eddsa: 'ed25519' } as const
const skip = missingTools('gpg', 'rpmbuild', 'rpmkeys', 'rpmsign')

suite('header signatures', { skip }, () => {
  let dir: Awaited<ReturnType<typeof temporaryDirectory>>
  let packages: RealPackages
  const gpg = (...args: string[]): string =>
    run('gpg', ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], {
      GNUPGHOME: dir.path,
    })

  before(async () => {
    dir = await temporaryDirectory()
    for (const [name, kind] of Object.entries(ALGORITHMS)) {
      gpg('--quick-generate-key', `${name}@example.com`, kind, 'sign', 'never')
      writeFileSync(
        join(dir.path, `${name}.asc`),
        gpg('--armor', '--export', `${name}@example.com`),
      )
      run('rpmkeys', ['--dbpath', join(dir.path, 'db'), '--import', join(dir.path, `${name}.asc`)])
    }
    packages = buildRealPackages(join(dir.path, 'build'), { payload: 'w9.gzdio' })
  })

  after(async () => {
    run('gpgconf', ['--kill', 'all'], { GNUPGHOME: dir.path })
    await dir[Symbol.asyncDispose]()
  })

  async function makePacket(path: string, algorithm: SignatureAlgorithm): Promise<Buffer> {
    const region = join(dir.path, 'region')
    writeFileSync(region, await readSignedRegion(path))
    gpg(
      '--yes',
      '--local-user',
      `${algorithm}@example.com`,
      '--digest-algo',
      'SHA256',
      '--detach-sign',
      region,
    )
    return readFileSync(`${region}.sig`)
  }

  async function sign(path: string, algorithm: SignatureAlgorithm): Promise<Buffer> {
    const packet = await makePacket(path, algorithm)
    await writeHeaderSignature(path, packet, algorithm)
    return packet
  }

  function copyOf(path: string): string {
    const copy = join(dir.path, 'copy.rpm')
    copyFileSync(path, copy)
    return copy
  }

  /** Returns the output of `rpmkeys --checksig`, one line per check; throws if a check failed. */
  const verify = (path: string): string =>
    run('rpmkeys', ['--dbpath', join(dir.path, 'db'), '--checksig', '--verbose', path])

  for (const algorithm of ['rsa', 'eddsa'] as const)
    for (const kind of ['source', 'binary'] as const)
      test(`rpm accepts a ${kind} package signed in place with ${algorithm}`, async () => {
        const path = copyOf(packages[kind])
        const { size, ino } = statSync(path)
        const packet = await sign(path, algorithm)
        assert.match(verify(path), /Header V4 (RSA|EdDSA)\/SHA256 Signature, key ID [0-9a-f]+: OK/)
        assert.match(
          run('rpmkeys', ['--dbpath', join(dir.path, 'db'), '-K', path]),
          /digests signatures OK/,
        )
        assert.deepEqual(await readHeaderSignature(path), packet)
        assert.deepEqual([statSync(path).size, statSync(path).ino], [size, ino])
        await verifyDigests(path)
      })

  test('a second signature replaces the first, regardless of the algorithms', async () => {
    const path = copyOf(packages.binary)
    for (const algorithm of ['rsa', 'rsa', 'eddsa', 'rsa', 'eddsa', 'eddsa'] as const) {
      const packet = await sign(path, algorithm)
      assert.deepEqual(await readHeaderSignature(path), packet)
      assert.equal(verify(path).match(/Signature/g)?.length, 1)
      assert.equal(statSync(path).size, statSync(packages.binary).size)
    }
  })

  test('a package without reserved space is signed too', async () => {
    const path = copyOf(packages.binary)
    const bytes = readFileSync(path)
    const { signature, header } = await readRpmHeader(path)
    const tight = buildHeader(keptEntries(signature), SIGNATURE_TAG.HEADERSIGNATURES)
    const padding = Buffer.alloc(-tight.length & 7)
    const parts = [bytes.subarray(0, LEAD_SIZE), tight, padding, bytes.subarray(header.start)]
    writeFileSync(path, Buffer.concat(parts))
    await verifyDigests(path)
    await sign(path, 'rsa')
    assert.match(verify(path), /Signature, .*: OK/)
    const { ino } = statSync(path)
    await sign(path, 'rsa')
    assert.equal(statSync(path).ino, ino, 'the second time there is room')
    assert.match(verify(path), /Signature, .*: OK/)
    assert.deepEqual(readFileSync(path).subarray(-200), bytes.subarray(-200))
  })

  test('deleteSignatures() removes nothing but the signature', async () => {
    const path = copyOf(packages.source)
    await sign(path, 'rsa')
    await deleteSignatures(path)
    assert.equal(await readHeaderSignature(path), undefined)
    assert.equal(statSync(path).size, statSync(packages.source).size)
    assert.deepEqual(await verifyDigests(path), await verifyDigests(packages.source))
    assert.match(run('rpmkeys', ['-K', path]), /digests OK/)
  })

  for (const algorithm of ['rsa', 'eddsa'] as const)
    test(`a signature made by rpmsign with ${algorithm} is read and replaced`, async () => {
      const path = copyOf(packages.binary)
      const gpgPath = run('sh', ['-c', 'command -v gpg']).trim()
      const defines = ['--define', `__gpg ${gpgPath}`]
      run('rpmsign', ['--addsign', '--key-id', `${algorithm}@example.com`, ...defines, path], {
        GNUPGHOME: dir.path,
      })
      const packet = await readHeaderSignature(path)
      assert.ok(packet)
      writeFileSync(join(dir.path, 'by-rpm.sig'), packet)
      writeFileSync(join(dir.path, 'by-rpm'), await readSignedRegion(path))
      gpg('--verify', join(dir.path, 'by-rpm.sig'), join(dir.path, 'by-rpm'))
      await sign(path, 'rsa')
      assert.match(verify(path), /Header V4 RSA\/SHA256 Signature, .*: OK/)
    })

  test('another call completes an interrupted write, wherever it stopped', async () => {
    const before = readFileSync(packages.binary)
    const path = copyOf(packages.binary)
    const packet = await sign(path, 'rsa')
    const after = readFileSync(path)
    const end = after.indexOf(HEADER_MAGIC, LEAD_SIZE + 1)
    for (let k = LEAD_SIZE + 16; k < end; k += k < 1500 ? 7 : 97)
      await repaired(Buffer.concat([after.subarray(0, k), before.subarray(k)]))
    for (let k = 512; k < end; k += 512)
      // later sectors may reach the disk before earlier ones
      await repaired(Buffer.concat([before.subarray(0, k), after.subarray(k)]))

    async function repaired(torn: Buffer): Promise<void> {
      writeFileSync(path, torn)
      await writeHeaderSignature(path, packet, 'rsa')
      assert.deepEqual(await readHeaderSignature(path), packet)
      await verifyDigests(path)
    }
    assert.match(verify(path), /Signature, .*: OK/)
  })

  test('a damaged package is not signed', async () => {
    const path = copyOf(packages.binary)
    const packet = await makePacket(path, 'rsa')
    const { header } = await readRpmHeader(path)
    const bytes = readFileSync(path)
    bytes[header.start + header.size - 40]! ^= 1
    writeFileSync(path, bytes)
    await assert.rejects(
      writeHeaderSignature(path, packet, 'rsa'),
      /does not match the sha1 digest/,
    )
    assert.deepEqual(readFileSync(path), bytes)
  })

  test('packets that rpm would not read are refused', async () => {
    const path = copyOf(packages.binary)
    const packet = await makePacket(path, 'rsa')
    const cases = [
      [packet, 'eddsa', /not made with eddsa/],
      [Buffer.alloc(0), 'rsa', /not a signature/],
      [Buffer.from('-----BEGIN PGP SIGNATURE-----'), 'rsa', /not a signature/],
      [Buffer.alloc(1 << 17, 0x89), 'rsa', /larger than/],
    ] as const
    for (const [bytes, algorithm, message] of cases)
      await assert.rejects(writeHeaderSignature(path, bytes, algorithm), message)
    assert.deepEqual(readFileSync(path), readFileSync(packages.binary))
  })
})
