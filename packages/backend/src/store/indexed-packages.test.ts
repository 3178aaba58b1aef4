import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { indexedPackages } from './indexed-packages.ts'

const repomd = (href: string): string =>
  `<repomd><data type="primary"><location href="${href}"/></data></repomd>`

test('indexedPackages() finds elements that span several chunks, after text of any length', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'copr-indexed-'))
  t.after(() => rm(dir, { recursive: true }))
  await mkdir(join(dir, 'repodata'))
  const wanted = new Map<string, string>()
  let xml = ''
  for (let i = 0; i < 3000; i++) {
    const sum = String(i).padStart(64, '0')
    wanted.set(`0000${i}-lens/lens-${i}-1.noarch.rpm`, sum)
    xml += `<package type="rpm"><checksum type="sha256" pkgid="YES">${sum}</checksum>
<description>${'words '.repeat(i % 1000 === 0 ? 20_000 : i % 7)}</description>
<location href="0000${i}-lens/lens-${i}-1.noarch.rpm"/></package>\n`
  }
  await writeFile(join(dir, 'repodata/primary.xml.gz'), gzipSync(xml))
  await writeFile(join(dir, 'repodata/repomd.xml'), repomd('repodata/primary.xml.gz'))
  assert.deepEqual(await indexedPackages(dir), wanted)
})

test('indexedPackages() finds nothing in an index with an unsupported compression', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'copr-indexed-'))
  t.after(() => rm(dir, { recursive: true }))
  await mkdir(join(dir, 'repodata'))
  await writeFile(join(dir, 'repodata/repomd.xml'), repomd('repodata/primary.xml.zst'))
  assert.deepEqual(await indexedPackages(dir), new Map())
})
