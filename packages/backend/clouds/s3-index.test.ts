import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { REPOSITORY } from '../src/testing/store-world.ts'
import { endServer, s3World } from './s3-world.ts'

after(endServer)

test('every package that a long index describes is known, and none is brought again', async () => {
  await using world = await s3World()
  // Of so many lengths that some are cut wherever what unpacks them ends a chunk.
  const members = Array.from({ length: 5000 }, (_, at) => ({
    path: `00000001-hello/${'p'.repeat(at % 37)}-${at}.rpm`,
    sha256: '',
    size: 1,
  }))
  const locations = members.map(({ path }) => `<location href="${path}"/>\n`)
  const folder = `results/${REPOSITORY}/repodata/`
  const repomd = '<repomd><location href="repodata/1-primary.xml.gz"/></repomd>'
  await world.bucket.put(`${folder}repomd.xml`, repomd)
  await world.bucket.put(`${folder}1-primary.xml.gz`, gzipSync(locations.join('')))
  await using desk = await world.store.openIndex(REPOSITORY, { is_devel: false })
  assert.notEqual(desk.previous, undefined)
  // The packages themselves are not there: bringing one throws.
  assert.deepEqual(await Array.fromAsync(desk.portions(members)), [members])
})
