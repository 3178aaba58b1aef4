import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { REPOSITORY } from '../src/testing/store-fixture.ts'
import { endServer, s3Fixture } from './s3-fixture.ts'

after(endServer)

test('every package of a long index is recognized, and none is downloaded again', async () => {
  await using fixture = await s3Fixture()
  // The paths vary in length, so that some elements span a boundary between two chunks of the decompressor.
  const members = Array.from({ length: 5000 }, (_, at) => ({
    path: `00000001-hello/${'p'.repeat(at % 37)}-${at}.rpm`,
    sha256: '',
    size: 1,
  }))
  const locations = members.map(({ path }) => `<location href="${path}"/>\n`)
  const folder = `results/${REPOSITORY}/repodata/`
  const repomd = '<repomd><location href="repodata/1-primary.xml.gz"/></repomd>'
  await fixture.bucket.put(`${folder}repomd.xml`, repomd)
  await fixture.bucket.put(`${folder}1-primary.xml.gz`, gzipSync(locations.join('')))
  await using workspace = await fixture.store.openIndex(REPOSITORY, { is_devel: false })
  assert.notEqual(workspace.previous, undefined)
  // The packages themselves do not exist, so an attempt to download one would throw.
  assert.deepEqual(await Array.fromAsync(workspace.portions(members)), [members])
})
