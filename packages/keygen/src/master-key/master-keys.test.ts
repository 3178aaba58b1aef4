import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import type { MasterKey } from '@copr/contract/configuration/keygen-config'
import { silentLog } from '@copr/process/log'
import { run, runOrThrow } from '@copr/process/run'
import { openTestDb, type TestDb } from '@copr/testkit/postgres'
import { type MasterKeys, openDataKeys } from '../data-keys.ts'
import { type Db, openKeyTable } from '../key-table.ts'
import { migrateKeyTable } from '../migrations.ts'
import { seal } from '../seal.ts'
import { keyContext } from '../sealed-secrets.ts'
import { scratchFolder } from '../testing.ts'
import { openMasterKey } from './open-master-key.ts'

const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so'
const log = silentLog()

let folder: Awaited<ReturnType<typeof scratchFolder>>
let test_db: TestDb
let db: Db
before(async () => {
  folder = await scratchFolder()
  test_db = await openTestDb()
  db = openKeyTable(test_db.url)
  await migrateKeyTable(db)
})
after(async () => {
  await db.destroy()
  await test_db[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

const missing = (
  await Promise.all(
    ['pkcs11-tool', 'softhsm2-util'].map(async (name) => {
      const found = await run('which', [name])
      return found.ok ? [] : [name]
    }),
  )
).flat()
const skip = missing.length > 0 ? `${missing.join(', ')} not installed` : false

async function fileKey(name: string): Promise<MasterKey> {
  const file = join(folder.path, name)
  await writeFile(file, randomBytes(32), { mode: 0o600 })
  return { file }
}

/** Creates a SoftHSM token with an RSA key. */
async function tokenKey(): Promise<MasterKey> {
  const at = (name: string): string => join(folder.path, name)
  await runOrThrow('mkdir', [at('tokens')])
  await writeFile(at('softhsm2.conf'), `directories.tokendir = ${at('tokens')}\n`)
  await writeFile(at('pin'), '123456\n', { mode: 0o600 })
  process.env['SOFTHSM2_CONF'] = at('softhsm2.conf')
  const env = { SOFTHSM2_CONF: at('softhsm2.conf') }
  const init = [
    '--init-token',
    '--free',
    '--label',
    'copr',
    '--pin',
    '123456',
    '--so-pin',
    '123456',
  ]
  await runOrThrow('softhsm2-util', init, { env })
  const login = ['--module', SOFTHSM, '--token-label', 'copr', '--login', '--pin', '123456']
  const make = ['--keypairgen', '--key-type', 'rsa:2048', '--id', '01', '--label', 'master']
  await runOrThrow('pkcs11-tool', [...login, ...make], { env })
  const token = { module: SOFTHSM, token_label: 'copr', key_id: '01', pin_file: at('pin') }
  return { pkcs11: { ...token, hash: 'sha1' } }
}

/** Creates a fake vault client, which encrypts with a key that keygen does not have. */
async function vaultKey(): Promise<MasterKey> {
  const script = join(folder.path, 'vault')
  const openssl = 'openssl enc -aes-256-ctr -pbkdf2 -pass pass:of-the-vault'
  await writeFile(script, `#!/bin/sh\nexec ${openssl} "$@"\n`)
  await chmod(script, 0o755)
  return { command: { encrypt: [script], decrypt: [script, '-d'] } }
}

async function masters(current: MasterKey, ...previous: MasterKey[]): Promise<MasterKeys> {
  const open = (source: MasterKey) => openMasterKey(source, async () => false)
  return { current: await open(current), previous: await Promise.all(previous.map(open)) }
}

const wrappers = async (): Promise<string[]> =>
  (await db.selectFrom('keygen.data_key').select('master_key').execute()).map(
    ({ master_key }) => master_key.split(':')[0] ?? '',
  )

test(
  'secrets remain readable after every change of the master key, between a file, a PKCS #11 token and a vault',
  { skip },
  async () => {
    const [file, token, vault] = [await fileKey('first'), await tokenKey(), await vaultKey()]
    const first = await openDataKeys(db, await masters(file), log)
    const sealed = first.seal('here', Buffer.from('secret'))
    assert.equal(first.unseal('here', sealed).toString(), 'secret')
    assert.deepEqual(await wrappers(), ['file'])

    for (const [current, previous, kind] of [
      [token, file, 'pkcs11'],
      [vault, token, 'command'],
      [await fileKey('second'), vault, 'file'],
    ] as const) {
      await assert.rejects(openDataKeys(db, await masters(current), log), /another master key/)
      const changed = await openDataKeys(db, await masters(current, previous), log)
      assert.equal(changed.unseal('here', sealed).toString(), 'secret')
      assert.deepEqual(await wrappers(), [kind])
      const alone = await openDataKeys(db, await masters(current), log)
      assert.equal(
        alone.unseal('here', sealed).toString(),
        'secret',
        'the previous master key is not needed',
      )
    }
    await db.deleteFrom('keygen.data_key').execute()
  },
)

test('secrets that an older version sealed directly with the master key are sealed again', async () => {
  const source = await fileKey('old')
  const { current } = await masters(source)
  const whose = { owner: 'someone', project: 'thing', fingerprint: 'F' }
  const context = keyContext(whose)
  const now = new Date()
  const nothing = Buffer.alloc(0)
  const key = { algorithm: 'ed25519' as const, user_id: '', public_key: nothing }
  const times = { created_at: now, expires_at: now, changed_at: now }
  const sealed_private_key = seal(current.bytes ?? nothing, context, Buffer.from('secret'))
  await db
    .insertInto('keygen.key')
    .values({ ...whose, ...key, ...times, certifications: nothing, sealed_private_key })
    .execute()
  const other = await masters(await fileKey('not the one'))
  await assert.rejects(openDataKeys(db, other, log), /sealed with another master key/)
  await db.deleteFrom('keygen.data_key').execute()

  const sealer = await openDataKeys(db, await masters(source), log)
  const row = await db.selectFrom('keygen.key').selectAll().executeTakeFirstOrThrow()
  assert.equal(row.sealed_private_key[0], 2)
  assert.equal(sealer.unseal(context, row.sealed_private_key).toString(), 'secret')
  await db.deleteFrom('keygen.key').execute()
  await db.deleteFrom('keygen.data_key').execute()
})

test('a data key can be decrypted only in its own row', async () => {
  const source = await fileKey('mine')
  await openDataKeys(db, await masters(source), log)
  await db
    .updateTable('keygen.data_key')
    .set({ id: '00000000-0000-4000-8000-000000000000' })
    .execute()
  await assert.rejects(
    openDataKeys(db, await masters(source), log),
    /another master key, or altered/,
  )
  await db.deleteFrom('keygen.data_key').execute()
})

test('the error of an unavailable token or vault names the program that failed', async () => {
  const pin_file = join(folder.path, 'no-pin')
  await writeFile(pin_file, '1')
  const token = { module: '/nowhere.so', token_label: 'x', key_id: '01', pin_file }
  if (!skip)
    await assert.rejects(
      openMasterKey({ pkcs11: { ...token, hash: 'sha256' } }, async () => false),
      /Cannot use the master key: pkcs11-tool exited with/,
    )
  const gone = await openMasterKey(
    { command: { encrypt: ['/nowhere'], decrypt: ['/nowhere'] } },
    async () => false,
  )
  await assert.rejects(gone.wrap('x', Buffer.from('y')), /Cannot run \/nowhere/)
})
