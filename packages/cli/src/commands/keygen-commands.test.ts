import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ChrootConfig } from '@copr/contract/chroot-config'
import { Configuration } from '@copr/contract/configuration'
import { listAudit } from '@copr/domain/audit/audit-queries'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import { createProject } from '@copr/domain/projects/create-project'
import { storePublicKey } from '@copr/domain/projects/project-keys'
import { COMMAND } from '@copr/domain/audit/actor'
import { createUser } from '@copr/domain/users/user-queries'
import { keygenClient } from '@copr/keygen-client/keygen-client'
import { parse } from 'yaml'
import { keygenConfig } from '@copr/server/keygen-config'
import { openTestCli, startTestKeygen, type TestCli } from '../testing.ts'

const CHROOT = 'fedora-43-x86_64'

/** Creates the project dana/telescope. */
async function makeTelescope({ db }: TestCli): Promise<{ id: number }> {
  const now = new Date()
  const user = await createUser(db, { username: 'dana', now })
  const base = { id: 'base', name: 'base', baseurl: 'https://mirror.example.org/' }
  const chroot = {
    name: CHROOT,
    comment: '',
    repos: [base],
    install: ['bash'],
    macros: {},
    tags: [],
  }
  await importChroot(db, ChrootConfig.parse(chroot), now)
  const made = { ownername: 'dana', name: 'telescope', user_id: user.id, chroots: [CHROOT], now }
  return await createProject(db, COMMAND, made)
}

test('`project rotate-key` creates a key, keeps the previous public key for users, and is audited', async () => {
  await using t = await openTestCli()
  await using _ = await startTestKeygen(t)
  const { keygen } = Configuration.parse(parse(readFileSync(t.config, 'utf8')))
  const client = keygenClient(keygen)
  const project = await makeTelescope(t)
  const whose = { owner: 'dana', project: 'telescope' }
  assert.match((await t.run(['project', 'rotate-key', 'dana/telescope'])).err, /it has none/)

  const before = await client.makeKey({ ...whose, algorithm: 'ed25519' })
  await storePublicKey(t.db, project.id, before)
  const rotate = ['project', 'rotate-key', 'dana/telescope', '--reason', 'it leaked']
  const rotated = await t.json<{ from: string; to: string }>(rotate)
  assert.equal(rotated.from, before.fingerprint)
  assert.equal((await client.publicKey('dana', 'telescope'))?.fingerprint, rotated.to)
  const row = await t.db
    .selectFrom('project')
    .select(['key_fingerprint', 'inherited_keys'])
    .executeTakeFirstOrThrow()
  assert.deepEqual(row, { key_fingerprint: rotated.to, inherited_keys: [before.public_key] })
  const [noted] = await listAudit(t.db, {}, 1)
  assert.partialDeepStrictEqual(noted, { action: 'project.rotate_key', reason: 'it leaked' })
})

test('`keygen log` prints the signatures, and `keygen check` verifies that the log is unchanged', async () => {
  await using t = await openTestCli()
  await using _ = await startTestKeygen(t)
  assert.deepEqual(await t.json(['keygen', 'log']), [])
  const checked = await t.run(['keygen', 'check'])
  assert.deepEqual([checked.code, checked.err], [0, 'The signature log is intact: 0 entries\n'])
})

test('keygen refuses a configuration that does not authenticate callers, or that accepts tokens over plain HTTP', async () => {
  await using t = await openTestCli()
  const config = Configuration.parse(parse(readFileSync(t.config, 'utf8')))
  const { secret: _secret, ...keygen } = config.keygen
  const at = (name: string): string => join(t.dir, name)
  assert.throws(() => keygenConfig({ ...config, keygen }), /set secret or service_accounts/)
  const service_accounts = { namespace: 'copr' }
  const parsed = Configuration.parse({ ...config, keygen: { ...keygen, service_accounts } })
  assert.throws(() => keygenConfig(parsed), /set tls where callers have service accounts/)
  const tls = { certificate_file: at('tls.crt'), key_file: at('tls.key') }
  const url = 'https://keygen.copr.svc'
  const secured = keygenConfig({ ...parsed, keygen: { ...parsed.keygen, tls, url } })
  assert.deepEqual([secured.host, secured.port], ['keygen.copr.svc', 443])
})

test('`project set-git` and `project set-token` store sealed secrets, which no command shows', async () => {
  await using t = await openTestCli()
  await using _ = await startTestKeygen(t)
  await makeTelescope(t)
  const git = ['project', 'set-git', 'dana/telescope', '--url', 'https://git.example.org/']
  assert.equal((await t.run([...git, '--username', 'dana'], 'canary\n')).code, 0)
  const token = ['project', 'set-token', 'dana/telescope', '--url', 'https://github.com']
  assert.equal((await t.run([...token, '--forge', 'github'], 'canary')).code, 0)
  assert.match((await t.run([...token, '--forge', 'cvs'], 'canary')).err, /forge: /)
  const list = async () =>
    await t.json<{ id: number; kind: string; url: string }[]>([
      'project',
      'secrets',
      'dana/telescope',
    ])
  const [forge, credentials] = await list()
  assert.deepEqual(
    [forge?.url, credentials?.url],
    ['https://github.com', 'https://git.example.org/'],
  )
  const rows = await t.db.selectFrom('project_secret').selectAll().execute()
  assert.ok(rows.every(({ sealed }) => !sealed.includes('canary')))
  assert.doesNotMatch(JSON.stringify([await list(), await listAudit(t.db, {}, 9)]), /canary/)
  const remove = ['project', 'delete-secret', 'dana/telescope', String(forge?.id)]
  assert.equal((await t.run(remove)).code, 0)
  assert.match((await t.run(remove)).err, /does not exist/)
  assert.deepEqual(
    (await list()).map(({ kind }) => kind),
    ['git'],
  )
})
