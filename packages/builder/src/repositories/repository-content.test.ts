import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { RepoConfig } from '@copr/contract/chroot-config'
import { digestOfOffers, parsePrimary } from './repository-content.ts'
import { readRepository, type Repository } from './repository.ts'

test('parsePrimary() finds all names under which a package can be requested', () => {
  const xml = `<metadata><package type="rpm"><name>zlib</name><checksum type="sha256" pkgid="YES">abc</checksum><format>
<rpm:provides><rpm:entry name="pkgconfig(zlib)" flags="EQ"/><rpm:entry name="a&lt;b"/></rpm:provides>
<rpm:requires><rpm:entry name="glibc"/></rpm:requires><rpm:obsoletes><rpm:entry name="libz"/></rpm:obsoletes>
<file>/usr/bin/z</file><file type="dir">/etc/z</file></format></package></metadata>`
  assert.deepEqual(parsePrimary(xml), [
    { digest: 'abc', names: ['zlib', 'pkgconfig(zlib)', 'a<b', 'libz', '/usr/bin/z', '/etc/z'] },
  ])
})

const packageOf = (digest: string): string =>
  `<metadata><package type="rpm"><name>gcc</name><checksum type="sha256">${digest}</checksum></package></metadata>`
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Makes a repository whose index describes the package list `promised`, on a server that sends `sent` instead. */
async function repository(
  t: TestContext,
  {
    promised,
    sent,
    checksum = `<checksum type="sha256">${sha256(promised)}</checksum>`,
  }: {
    promised: string
    sent: string
    checksum?: string
  },
): Promise<Repository> {
  const repomd = `<repomd><data type="primary">${checksum}
    <location href="repodata/primary.xml"/><size>${promised.length}</size></data></repomd>`
  const server = createServer((request, response) =>
    response.end(request.url === '/repodata/primary.xml' ? sent : repomd),
  ).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const baseurl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const options = { chroot: 'fedora-43-x86_64', isOurs: true, signal }
  return await readRepository(RepoConfig.parse({ id: 'a', name: 'A', baseurl }), options)
}

const { signal } = new AbortController()
const NAMES = new Set(['gcc'])

test('digestOfOffers() does not cache a package list that differs from the one in the index', async (t) => {
  const cacheDir = await mkdtemp(join(tmpdir(), 'copr-offers-'))
  t.after(() => rm(cacheDir, { recursive: true }))
  const promised = packageOf('honest')
  const liar = await repository(t, { promised, sent: packageOf('forged') })
  assert.equal(await digestOfOffers(liar, NAMES, { cacheDir, signal }), liar.digest)
  const honest = await repository(t, { promised, sent: promised })
  assert.equal(honest.digest, liar.digest, 'a copy of the index')
  assert.equal(await digestOfOffers(honest, NAMES, { cacheDir, signal }), sha256('honest'))
})

for (const checksum of [
  '',
  '<checksum type="md5">0</checksum>',
  '<checksum type="sha">0</checksum>',
])
  test(`digestOfOffers() uses the digest of the whole repository if its index has ${checksum ? `the checksum ${checksum}` : 'no checksum'}`, async (t) => {
    const cacheDir = await mkdtemp(join(tmpdir(), 'copr-offers-'))
    t.after(() => rm(cacheDir, { recursive: true }))
    const promised = packageOf('x')
    const one = await repository(t, { promised, sent: promised, checksum })
    assert.equal(await digestOfOffers(one, NAMES, { cacheDir, signal }), one.digest)
  })

test('parsePrimary() terminates for unclosed elements of any kind', () => {
  for (const piece of [
    '<package type="rpm">',
    '<rpm:provides>',
    '<rpm:obsoletes>',
    '<rpm:entry name="',
    '<file',
    '<file>',
    '<checksum',
    '<checksum>',
    '<name>',
  ])
    parsePrimary(`<package type="rpm">${piece.repeat(2_000_000 / piece.length)}</package>`)
})
