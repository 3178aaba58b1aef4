import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PoolConfig } from '@copr/contract/pools/provider-options'
import { syncPools } from '@copr/domain/pools/pools'
import { createProject } from '@copr/domain/projects/create-project'
import { storePublicKey } from '@copr/domain/projects/project-keys'
import { COMMAND } from '@copr/domain/audit/actor'
import { createUser } from '@copr/domain/users/user-queries'
import { keygenClient } from '@copr/keygen-client/keygen-client'
import { readConfigFile } from '../configuration/read-config.ts'
import { openTestCli, startTestKeygen, type TestCli } from '../testing.ts'
import { STEPS } from './guide-steps.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

const NOW = new Date()
const CHROOT = 'fedora-43-x86_64'

/**
 * Creates what the steps need in the database and on disk; returns the values of their placeholders: paths of files, and an ID that is
 * known only at run time.
 */
async function furnish(t: TestCli): Promise<Record<string, string>> {
  const file = join(t.dir, 'chroot.yaml')
  writeFileSync(
    file,
    `name: ${CHROOT}\nrepos: [{ id: base, name: base, baseurl: 'https://mirror.example.org/' }]\ninstall: [bash]\n`,
  )
  assert.equal((await t.run(['chroot', 'add', file])).code, 0)
  const vars = join(t.dir, 'vars.yml')
  writeFileSync(vars, 'profile: medium\n')
  const config = PoolConfig.parse({ provider: 'local', tags: ['arch_x86_64'], max: 7 })
  await syncPools(t.db, [{ name: 'here', config, cleans: false }], NOW)
  const machine = { pool: 'here', name: 'here-1', provider: 'local', state: 'ready' } as const
  const { id } = await fixtures(t.db)
    .insertInto('machine')
    .values({ ...machine, created_at: NOW, kinds: ['rpm'] })
    .returning('id')
    .executeTakeFirstOrThrow()
  const { id: user_id } = await createUser(t.db, { username: 'owner', now: NOW })
  const made = { ownername: 'owner', name: 'telescope', user_id, chroots: [CHROOT], now: NOW }
  const project = await createProject(t.db, COMMAND, made)
  const keygen = keygenClient(readConfigFile(t.config).keygen)
  const whose = { owner: 'owner', project: 'telescope' }
  await storePublicKey(t.db, project.id, await keygen.makeKey({ ...whose, algorithm: 'ed25519' }))
  return { CHROOT: file, VARS: vars, ID: String(id) }
}

test('the commands of docs/administration/ have the documented effects', async (t) => {
  await using cli = await openTestCli()
  await using _ = await startTestKeygen(cli)
  const words = await furnish(cli)
  for (const { args, stdin, says } of STEPS)
    await t.test(`coprctl ${args.join(' ')}`, async () => {
      const { code, out, err } = await cli.run(
        args.map((word) => words[word] ?? word),
        stdin,
      )
      assert.equal(code, 0, err)
      assert.match(`${out}${err}`.trimEnd(), says)
    })
})
