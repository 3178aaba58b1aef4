import assert from 'node:assert/strict'
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import test, { after, before } from 'node:test'
import { Bell } from '@copr/process/every'
import { keygenClient } from '@copr/keygen-client/keygen-client'
import { silentLog } from '@copr/process/log'
import { run, runOrThrow } from '@copr/process/run'
import { signDetached } from '@copr/keygen-client/signing'
import { openTestDb, type TestDb } from '@copr/testkit/postgres'
import { until } from '@copr/testkit/system/until'
import { findKey, type Db, openKeyTable, countPooledKeys } from './key-table.ts'
import { openDataKeys } from './data-keys.ts'
import { openMasterKey } from './master-key/open-master-key.ts'
import { makeKey, prolongKeys, publicKeyAnswer } from './project-keys.ts'
import {
  newProjectName,
  newTicket,
  type RunningKeygen,
  scratchFolder,
  startKeygen,
} from './testing.ts'

const ALGORITHMS = ['rsa4096', 'ed25519'] as const
const YEAR_MS = 365 * 86_400_000

let folder: Awaited<ReturnType<typeof scratchFolder>>
let test_db: TestDb
let db: Db
let keygen: RunningKeygen
before(async () => {
  folder = await scratchFolder()
  test_db = await openTestDb()
  db = openKeyTable(test_db.url)
  keygen = await startKeygen({ database_url: test_db.url, dir: folder.path })
})
after(async () => {
  await keygen[Symbol.asyncDispose]()
  await db.destroy()
  await test_db[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** Sends a request without the client, to see how bad requests are answered. */
async function ask(
  path: string,
  init: { method?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${keygen.secret}`, ...init.headers }
  const response = await fetch(`${keygen.url}${path}`, { ...init, headers })
  return { status: response.status, body: await response.json() }
}

const post = (path: string, body: unknown): ReturnType<typeof ask> =>
  ask(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

for (const algorithm of ALGORITHMS)
  test(`gpg accepts a ${algorithm} key and a detached signature made with it`, async () => {
    await using home = await scratchFolder()
    const gpg = (...args: string[]): ReturnType<typeof run> =>
      run('gpg', ['--homedir', home.path, '--batch', ...args])
    const [owner, project] = ['@group', newProjectName()]
    const key = await keygen.client.makeKey({ owner, project, algorithm })
    await writeFile(join(home.path, 'key.asc'), key.public_key)
    const imported = await gpg('--import', join(home.path, 'key.asc'))
    assert.ok(imported.ok, imported.output)
    const listed = await gpg('--with-colons', '--check-sigs', '--fixed-list-mode')
    const rows = listed.output.split('\n').map((line) => line.split(':'))
    const row = (type: string): string[] => rows.find(([name]) => name === type) ?? []
    assert.equal(row('fpr')[9], key.fingerprint)
    assert.equal(row('uid')[9], `@group_${project} <@group#${project}@copr.copr.example>`)
    assert.equal(row('sig')[1], '!', 'the self-signature is good')
    assert.equal(row('pub')[3], algorithm === 'rsa4096' ? '1' : '22')
    assert.equal(row('pub')[5], String(key.created_at))
    assert.equal(row('pub')[6], String(key.expires_at))
    assert.equal(row('pub')[11], 'scSC', 'may sign and certify')

    const data = Buffer.from('<repomd/>')
    const what = { owner, project, purpose: 'test', data, public: key, now: new Date() }
    const signed = await signDetached(keygen.client, what, async () => newTicket(what))
    const [dataFile, signatureFile] = [join(home.path, 'data'), join(home.path, 'data.asc')]
    await writeFile(dataFile, data)
    await writeFile(signatureFile, signed)
    const verified = await gpg('--status-fd', '1', '--verify', signatureFile, dataFile)
    assert.match(verified.output, new RegExp(`VALIDSIG ${key.fingerprint}`))
    await writeFile(dataFile, '<altered/>')
    assert.match(
      (await gpg('--status-fd', '1', '--verify', signatureFile, dataFile)).output,
      /BADSIG/,
    )
    await run('gpgconf', ['--homedir', home.path, '--kill', 'all'])
  })

for (const algorithm of ALGORITHMS)
  test(`rpmkeys imports a ${algorithm} key`, async () => {
    await using home = await scratchFolder()
    const key = await keygen.client.makeKey({
      owner: 'someone',
      project: newProjectName(),
      algorithm,
    })
    await writeFile(join(home.path, 'key.asc'), key.public_key)
    await runOrThrow('rpmkeys', ['--dbpath', home.path, '--import', join(home.path, 'key.asc')])
    const names = await runOrThrow('rpm', [
      '--dbpath',
      home.path,
      '-q',
      'gpg-pubkey',
      '--qf',
      '%{version}-%{release}',
    ])
    assert.equal(names, `${key.fingerprint.slice(-8)}-${key.created_at.toString(16)}`.toLowerCase())
  })

test('makeKey() gives concurrent callers the same key', async () => {
  const request = { owner: 'someone', project: newProjectName(), algorithm: 'ed25519' as const }
  const keys = await Promise.all(Array.from({ length: 8 }, () => keygen.client.makeKey(request)))
  assert.equal(new Set(keys.map((key) => JSON.stringify(key))).size, 1)
  assert.deepEqual(await keygen.client.makeKey({ ...request, algorithm: 'rsa4096' }), keys[0])
  assert.deepEqual(await keygen.client.publicKey(request.owner, request.project), keys[0])
})

test('sign() signs every digest in order, and logs the request', async () => {
  const [owner, project, purpose] = ['someone', newProjectName(), 'task 12-fedora-43-x86_64']
  const { fingerprint } = await keygen.client.makeKey({ owner, project, algorithm: 'ed25519' })
  const ticket = newTicket({ owner, project })
  const digests = Array.from({ length: 300 }, (_, index) =>
    Buffer.alloc(32, index).toString('base64'),
  )
  const created_at = Math.floor(Date.now() / 1000)
  const request = { owner, project, purpose, created_at, fingerprint, ticket }
  const { signatures } = await keygen.client.sign({ ...request, digests })
  assert.equal(signatures.length, 300)
  const again = await keygen.client.sign({ ...request, digests: digests.slice(7, 8) })
  assert.equal(again.signatures[0], signatures[7])
  const logged = keygen.lines.find(
    (line) => line['project'] === project && line['msg'] === 'Signed',
  )
  assert.partialDeepStrictEqual(logged, { owner, purpose, count: 300 })
})

test('a key that was never made is not found', async () => {
  assert.equal(await keygen.client.publicKey('nobody', 'nothing'), undefined)
  const digests = [Buffer.alloc(32).toString('base64')]
  const created_at = Math.floor(Date.now() / 1000)
  const whose = { owner: 'nobody', project: 'nothing' }
  const key = { fingerprint: 'A'.repeat(40), ticket: newTicket(whose) }
  const request = { ...whose, ...key, purpose: 'test', created_at, digests }
  await assert.rejects(keygen.client.sign(request), {
    kind: 'not_found',
    message: 'Cannot find a key for nobody/nothing',
  })
})

test('requests without the correct secret get a 401, except for /health', async () => {
  for (const authorization of ['', 'Bearer wrong', `Basic ${keygen.secret}`]) {
    assert.equal((await ask('/keys/a/b', { headers: { authorization } })).status, 401)
    assert.equal((await ask('/sign', { method: 'POST', headers: { authorization } })).status, 401)
  }
  const health = await fetch(`${keygen.url}/health`)
  assert.deepEqual([health.status, await health.json()], [200, { ok: true }])
  await assert.rejects(
    keygenClient({ url: keygen.url, secret: 'wrong' }).publicKey('a', 'b'),
    /does not accept the secret or token/,
  )
})

test('invalid requests get a 400 with the reason', async () => {
  const now = Math.floor(Date.now() / 1000)
  const sign = {
    owner: 'a',
    project: 'b',
    purpose: 'c',
    created_at: now,
    fingerprint: 'A'.repeat(40),
    ticket: newTicket({ owner: 'a', project: 'b' }),
    digests: [Buffer.alloc(32).toString('base64')],
  }
  for (const [path, body, message] of [
    ['/keys', 'no json', /not JSON/],
    ['/keys', '', /not JSON/],
    ['/keys', {}, /owner: /],
    ['/keys', { owner: '../etc', project: 'b' }, /owner: owner names have/],
    ['/keys', { owner: 'a', project: 'b\u0000' }, /project: Name must contain only letters/],
    ['/keys', { owner: 'a', project: 'b', algorithm: 'dsa' }, /algorithm: /],
    ['/sign', { ...sign, digests: [] }, /digests: /],
    [
      '/sign',
      { ...sign, digests: Array.from({ length: 1001 }).fill(sign.digests[0]) },
      /digests: /,
    ],
    [
      '/sign',
      { ...sign, digests: [Buffer.alloc(31).toString('base64')] },
      /digests: 0: a digest is 32 bytes/,
    ],
    ['/sign', { ...sign, ticket: undefined }, /ticket: /],
    ['/sign', { ...sign, ticket: '1' }, /ticket: /],
    ['/sign', { ...sign, fingerprint: 'ab' }, /fingerprint: /],
    ['/sign', { ...sign, created_at: now - 700 }, /seconds from keygen's clock/],
    ['/sign', { ...sign, created_at: now + 700 }, /seconds from keygen's clock/],
  ] as const) {
    const answer = await post(path, body)
    assert.equal(answer.status, 400, JSON.stringify(body))
    assert.match((answer.body as { error: string }).error, message)
  }
  assert.equal((await ask('/keys/a/b%00')).status, 400)
  assert.equal((await ask('/nowhere')).status, 404)
  assert.equal((await post('/keys', `"${'x'.repeat(600_000)}"`)).status, 413)
})

test('a private key can be decrypted only in its own row', async () => {
  const [mine, theirs] = [newProjectName(), newProjectName()]
  for (const project of [mine, theirs])
    await keygen.client.makeKey({ owner: 'someone', project, algorithm: 'ed25519' })
  const other = await findKey(db, 'someone', theirs)
  assert.ok(other)
  const { sealed_private_key } = other
  await db
    .updateTable('keygen.key')
    .set({ sealed_private_key })
    .where('project', '=', mine)
    .execute()
  const digests = [Buffer.alloc(32).toString('base64')]
  const created_at = Math.floor(Date.now() / 1000)
  const whose = { owner: 'someone', project: mine }
  const { fingerprint } = await keygen.client.makeKey(whose)
  const ticket = newTicket(whose)
  const request = { ...whose, purpose: 'test', created_at, digests, fingerprint, ticket }
  await assert.rejects(keygen.client.sign(request), /status 500: Internal error/)
  await db.deleteFrom('keygen.key').where('project', '=', mine).execute()
})

test('prolongKeys() extends the validity of keys that expire within a year, and only once', async () => {
  await using home = await scratchFolder()
  const file = join(folder.path, 'master.key')
  const current = await openMasterKey({ file }, async () => false)
  const sealer = await openDataKeys(db, { current, previous: [] }, silentLog())
  const moments = { now: new Date(Date.now() - 4.5 * YEAR_MS) }
  const common = {
    db,
    sealer,
    sign_domain: 'copr.example',
    log: silentLog(),
    pool_drawn: new Bell(),
  }
  const context = { ...common, now: () => moments.now }
  const project = newProjectName()
  const before = publicKeyAnswer(await makeKey(context, 'someone', project, 'ed25519'))
  await prolongKeys(context)
  assert.deepEqual(await keygen.client.publicKey('someone', project), before, 'too early')
  moments.now = new Date()
  await prolongKeys(context)
  await prolongKeys(context)
  const after = await keygen.client.publicKey('someone', project)
  assert.ok(after)
  assert.equal(after.fingerprint, before.fingerprint)
  assert.equal(after.expires_at, before.expires_at + 5 * 365 * 86_400)

  const keyFile = join(home.path, 'key.asc')
  await writeFile(keyFile, after.public_key)
  await runOrThrow('gpg', ['--homedir', home.path, '--batch', '--import', keyFile])
  const listed = await runOrThrow('gpg', ['--homedir', home.path, '--with-colons', '--check-sigs'])
  assert.match(
    listed,
    new RegExp(`^pub:-:255:22:[0-9A-F]+:${after.created_at}:${after.expires_at}:`, 'm'),
  )
  assert.equal(listed.match(/^sig:!:/gm)?.length, 2, 'both self-signatures are good')
  await runOrThrow('rpmkeys', ['--dbpath', home.path, '--import', keyFile])
  await run('gpgconf', ['--homedir', home.path, '--kill', 'all'])
})

test('pooled keys survive a restart and are used', async () => {
  const options = { database_url: test_db.url, dir: folder.path, pool_size: 1 }
  const pooled = async (): Promise<string[]> =>
    (await db.selectFrom('keygen.key_pool').select('id').execute()).map(({ id }) => id)
  {
    await using _ = await startKeygen(options)
    await untilPooled()
  }
  const [waiting] = await pooled()
  await using restarted = await startKeygen(options)
  assert.deepEqual(await pooled(), [waiting])
  const key = await restarted.client.makeKey({ owner: 'someone', project: newProjectName() })
  assert.equal(key.algorithm, 'rsa4096')
  await untilPooled()
  assert.notDeepEqual(await pooled(), [waiting])
})

async function untilPooled(): Promise<void> {
  const isFull = async (): Promise<boolean> => (await countPooledKeys(db)) > 0
  await until(isFull, { timeout_ms: 120_000, what: 'a key in the pool' })
}

test('runKeygen() refuses to start without the master key that sealed the existing keys', async () => {
  await using empty = await scratchFolder()
  await keygen.client.makeKey({ owner: 'someone', project: newProjectName(), algorithm: 'ed25519' })
  const options = { database_url: test_db.url, dir: empty.path }
  await assert.rejects(startKeygen(options), /^Error: Restore .*master.key/)
  await writeFile(join(empty.path, 'master.key'), Buffer.alloc(32), { mode: 0o600 })
  await assert.rejects(startKeygen(options), /sealed with another master key/)
})

test('two keygens that start concurrently on an empty database return the same project key', async () => {
  await using empty = await scratchFolder()
  await using server = await openTestDb()
  await writeFile(join(empty.path, 'master.key'), Buffer.alloc(32, 1), { mode: 0o600 })
  const options = { database_url: server.url, dir: empty.path }
  const both = await Promise.all([startKeygen(options), startKeygen(options)])
  const request = { owner: 'someone', project: 'thing', algorithm: 'ed25519' as const }
  const [one, two] = await Promise.all(both.map(({ client }) => client.makeKey(request)))
  assert.deepEqual(one, two)
  await Promise.all(both.map((each) => each[Symbol.asyncDispose]()))
})

test('a sealed project secret can be opened only for its purpose and context, and only if it is unaltered', async () => {
  const at = { purpose: 'git', context: 'project 7 https://git.example.org/' } as const
  const sealed = await keygen.client.seal({ ...at, secret: 'canary' })
  assert.ok(!sealed.includes('canary'))
  assert.equal(await keygen.client.open({ ...at, sealed }), 'canary')
  const altered = Buffer.from(sealed)
  altered.writeUInt8((altered.at(-1) ?? 0) ^ 1, altered.length - 1)
  for (const wrong of [
    { ...at, sealed, purpose: 'forge' as const },
    { ...at, sealed, context: 'project 8 https://git.example.org/' },
    { ...at, sealed: altered },
    { ...at, sealed: Buffer.from('x') },
  ])
    await assert.rejects(keygen.client.open(wrong), /^CoprError: Cannot open the .* secret/)
})
