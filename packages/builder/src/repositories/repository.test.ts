import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { RepoConfig } from '@copr/contract/chroot-config'
import { renderDnfConfig } from './dnf-config.ts'
import { parseMetalink, parseMirrorlist, readRepository } from './repository.ts'

const REPOMD = '<repomd>current</repomd>'
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const metalink = (origin: string): string => `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/">
 <files><file name="repomd.xml">
  <verification><hash type="md5">0</hash><hash type="sha256">${sha256(REPOMD)}</hash></verification>
  <resources maxconnections="1">
   <url protocol="rsync" type="rsync" location="DE" preference="100">rsync://one.example.org/43/repodata/repomd.xml</url>
   <url protocol="http" type="http" location="DE" preference="98">${origin}/old/repodata/repomd.xml</url>
   <url protocol="http" type="http" location="DE" preference="97">${origin}/good/repodata/repomd.xml</url>
   <url protocol="http" type="http" location="DE" preference="99">${origin}/gone/repodata/repomd.xml</url>
  </resources>
 </file></files>
</metalink>
`

suite('repositories with many mirrors', () => {
  const signal = new AbortController().signal
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const text = {
      '/metalink?repo=fedora-43&arch=x86_64': metalink(origin()),
      '/mirrorlist?release=43': `# comment\n${origin()}/gone/\n${origin()}/good/\n`,
      '/old/repodata/repomd.xml': '<repomd>of yesterday</repomd>',
      '/good/repodata/repomd.xml': REPOMD,
    }[path]
    response.statusCode = text === undefined ? 404 : 200
    response.end(text)
  })
  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const read = async (config: object) =>
    await readRepository(RepoConfig.parse({ id: 'fedora', name: 'Fedora', ...config }), {
      chroot: 'fedora-43-x86_64',
      isOurs: true,
      signal,
    })

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(() => server.close())

  test('the mirrors of a metalink are skipped if their index is missing or outdated', async () => {
    asked.length = 0
    const { url, repomd } = await read({
      metalink: `${origin()}/metalink?repo=fedora-$releasever&arch=$basearch`,
    })
    assert.equal(url, `${origin()}/good`)
    assert.equal(repomd, REPOMD)
    assert.deepEqual(asked.slice(1), [
      '/gone/repodata/repomd.xml',
      '/old/repodata/repomd.xml',
      '/good/repodata/repomd.xml',
    ])
  })

  test('the first responding mirror of a mirrorlist is used', async () => {
    const { url } = await read({ mirrorlist: `${origin()}/mirrorlist?release=$releasever` })
    assert.equal(url, `${origin()}/good`)
  })

  test('the error for a repository without a working mirror gives the reason', async () => {
    await assert.rejects(
      read({ baseurl: `${origin()}/gone/` }),
      /Cannot read the repository Fedora \(http:.*gone\/\): the server responded with 404/,
    )
    await assert.rejects(
      read({ metalink: `${origin()}/mirrorlist?release=43` }),
      /the mirror list contains no http or https URL/,
    )
  })

  test('renderDnfConfig() contains the mirror list and the certificates', async () => {
    const place = `${origin()}/mirrorlist?release=43`
    const one = await read({ mirrorlist: place })
    const text = renderDnfConfig([
      { ...one, config: { ...one.config, sslclientcert: '/etc/pki/entitlement/1.pem' } },
    ])
    assert.ok(text.includes(`\nmirrorlist=${place}\n`), text)
    assert.ok(text.includes('\nsslclientcert=/etc/pki/entitlement/1.pem\n'), text)
    assert.ok(!text.includes('baseurl'), text)
  })
})

test('parseMetalink() orders mirrors by preference and leaves rsync out', () => {
  const { mirrors, digests } = parseMetalink(metalink('http://m.example.org'))
  assert.deepEqual(mirrors, [
    'http://m.example.org/gone',
    'http://m.example.org/old',
    'http://m.example.org/good',
  ])
  assert.deepEqual(digests, [sha256(REPOMD)])
})

test('parseMirrorlist() leaves comments out', () => {
  assert.deepEqual(parseMirrorlist('# repo = x\n\nhttps://a.example.org/9/\n'), [
    'https://a.example.org/9/',
  ])
})

test('addresses with a million slashes are parsed without delay', async () => {
  const slashes = '/'.repeat(1_000_000)
  const { mirrors } = parseMetalink(metalink(`http://m.example.org${slashes}x`))
  assert.equal(mirrors[0], `http://m.example.org${slashes}x/gone`)
  const baseurl = `file:///nonexistent${slashes}x`
  await assert.rejects(
    readRepository(RepoConfig.parse({ id: 'a', name: 'A', baseurl }), {
      chroot: 'fedora-43-x86_64',
      isOurs: true,
      signal: new AbortController().signal,
    }),
    /Cannot read the repository A/,
  )
})
