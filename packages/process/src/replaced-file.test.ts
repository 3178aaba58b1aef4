import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import { requireCertificates } from './pem.ts'
import { lastGoodFile, readSettled, settledFile } from './replaced-file.ts'

const dir = await mkdtemp(join(tmpdir(), 'copr-replaced-'))
after(() => rm(dir, { recursive: true, force: true }))

/** A kernel file whose content changes with each read. */
const CHANGING = '/proc/sys/kernel/random/uuid'

test('readSettled() returns content only if the next read confirms it', async () => {
  await assert.rejects(readSettled([CHANGING], undefined, 0), /they keep changing$/)
})

test('readSettled() confirms files together, so that a changing file holds up the others', async () => {
  const path = join(dir, 'steady')
  await writeFile(path, 'a')
  assert.deepEqual(await readSettled([path], undefined, 0), ['a'])
  await assert.rejects(readSettled([path, CHANGING], undefined, 0), /they keep changing$/)
})

test('readSettled() fails for a file that stays missing', async () => {
  await assert.rejects(readSettled([join(dir, 'missing')], undefined, 0), { code: 'ENOENT' })
})

test('settledFile() returns the changed content of a file, and throws while the file is missing', async () => {
  const path = join(dir, 'pools.yaml')
  await writeFile(path, 'one')
  const read = settledFile(path)
  assert.equal(await read(), 'one')
  assert.equal(await read(), 'one')
  await writeFile(path, 'two')
  assert.equal(await read(), 'two')
  await rm(path)
  await assert.rejects(read(), { code: 'ENOENT' })
  await writeFile(path, 'three')
  assert.equal(await read(), 'three')
})

test('lastGoodFile() returns the previous token while the file is empty or missing', async () => {
  const path = join(dir, 'token')
  await writeFile(path, '')
  const read = lastGoodFile(path)
  await assert.rejects(read(), /Cannot use \S+token: it is empty/)
  await writeFile(path, 'one\n')
  assert.equal(await read(), 'one')
  await writeFile(path, '\n')
  assert.equal(await read(), 'one')
  await rm(path)
  assert.equal(await read(), 'one')
  await writeFile(path, 'two')
  assert.equal(await read(), 'two')
})

test('lastGoodFile() returns the previous bundle while a certificate of the new one is truncated', async () => {
  const path = join(dir, 'ca.crt')
  const bundle = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'
  await writeFile(path, bundle)
  const read = lastGoodFile(path, (pem) => void requireCertificates(pem, path))
  assert.equal(await read(), bundle)
  for (const bad of ['', 'rubbish', bundle.slice(0, 40), `${bundle}\n${bundle.slice(0, 40)}`]) {
    await writeFile(path, bad)
    assert.equal(await read(), bundle)
  }
  await writeFile(path, `${bundle}\n${bundle}`)
  assert.equal(await read(), `${bundle}\n${bundle}`)
})
