import { COMMAND } from '@copr/domain/audit/actor'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { listAudit } from '@copr/domain/audit/audit-queries'
import { createProject } from '@copr/domain/projects/create-project'
import { userOfToken } from '@copr/domain/users/api-tokens'
import { redeemLoginLink } from '@copr/domain/logins/login-links'
import { createUser, userOfPassword } from '@copr/domain/users/user-queries'
import { runOrThrow } from '@copr/process/run'
import { openTestCli, type TestCli } from './testing.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
const PROGRAM = fileURLToPath(new URL('../coprctl', import.meta.url))
const CHROOT = `
name: fedora-43-x86_64
comment: Fedora 43
repos: [{ id: base, name: base, baseurl: 'https://mirror.example.org/' }]
install: [bash]
`

async function addChroot(t: TestCli): Promise<string> {
  const file = join(t.dir, 'chroot.yaml')
  writeFileSync(file, CHROOT)
  const { code, err } = await t.run(['chroot', 'add', file])
  assert.equal(code, 0, err)
  return file
}

test('`coprctl user` adds, lists, shows, blocks and promotes users, and all changes are audited', async () => {
  await using t = await openTestCli()
  const added = await t.run([
    'user',
    'add',
    'dana',
    '--email',
    'dana@example.org',
    '--reason',
    'new here',
  ])
  assert.equal(added.code, 0)
  assert.match(added.err, /Added user dana, who sets a password with this link/)
  const secret = /^http:\/\/copr\.example\.org\/login\/link\/(\S+)\n$/.exec(added.out)?.[1] ?? ''
  await redeemLoginLink(t.db, { secret, password: 'correct horse' }, new Date())
  assert.match(
    (await t.run(['user', 'list'])).out,
    /^name +email.*\ndana +dana@example\.org +no +no +password /,
  )
  await t.run(['user', 'block', 'dana'])
  await assert.rejects(userOfPassword(t.db, 'dana', 'correct horse'), /blocked/)
  await t.run(['user', 'unblock', 'dana'])
  await t.run(['user', 'admin', 'dana'])
  const shown = await t.json<{ admin: boolean; groups: string[] }>(['user', 'show', 'dana'])
  assert.deepEqual([shown.admin, shown.groups], [true, []])
  await t.run(['user', 'admin', 'dana', '--off'])
  assert.equal((await t.json<{ admin: boolean }>(['user', 'show', 'dana'])).admin, false)
  const noted = (await listAudit(t.db, {}, 20)).map(({ actor, action, reason }) => [
    actor,
    action,
    reason,
  ])
  assert.deepEqual(noted.toReversed(), [
    ['coprctl', 'user.make', 'new here'],
    ['coprctl', 'user.link', 'new here'],
    ['dana', 'user.password', null],
    ['coprctl', 'user.block', null],
    ['coprctl', 'user.unblock', null],
    ['coprctl', 'user.admin', null],
    ['coprctl', 'user.admin', null],
  ])
})

test('`coprctl user` reads passwords only from standard input', async () => {
  await using t = await openTestCli()
  const added = await t.run(['user', 'add', 'kim', '--password-stdin'], 'battery staple\n')
  assert.equal(added.out, 'kim\n')
  assert.ok(await userOfPassword(t.db, 'kim', 'battery staple'))
  await t.run(['user', 'password', 'kim'], 'correct horse')
  assert.ok(await userOfPassword(t.db, 'kim', 'correct horse'))
  const { code, err } = await t.run(['user', 'password', 'kim'], 'short')
  assert.equal(code, 1)
  assert.match(err, /^coprctl: Cannot use this password: it must have at least 10 characters\n$/)
})

test('`coprctl group` adds and deletes groups, and changes their members', async () => {
  await using t = await openTestCli()
  await createUser(t.db, { username: 'dana', now: NOW })
  assert.equal(
    (await t.run(['group', 'add', 'orbit', '--description', 'In orbit'])).out,
    '@orbit\n',
  )
  assert.match(
    (await t.run(['group', 'join', '@orbit', 'dana'])).err,
    /dana is now a member of @orbit/,
  )
  assert.match((await t.run(['group', 'join', 'orbit', 'dana'])).err, /dana is already a member/)
  assert.deepEqual(await t.json(['group', 'members', 'orbit']), [{ name: 'dana', email: null }])
  assert.deepEqual((await t.json<{ groups: string[] }>(['user', 'show', 'dana'])).groups, [
    '@orbit',
  ])
  assert.match((await t.run(['group', 'leave', 'orbit', 'dana'])).err, /is no longer a member/)
  assert.match((await t.run(['group', 'list'])).out, /@orbit +- +In orbit/)
  await addChroot(t)
  const user_id = (await createUser(t.db, { username: 'kim', now: NOW })).id
  const chroots = ['fedora-43-x86_64']
  await createProject(t.db, COMMAND, {
    ownername: '@orbit',
    name: 'libs',
    user_id,
    chroots,
    now: NOW,
  })
  assert.match(
    (await t.run(['group', 'delete', 'orbit'])).err,
    /it owns projects, for example libs/,
  )
  await t.run(['project', 'delete', '@orbit/libs'])
  assert.equal((await t.run(['group', 'delete', 'orbit'])).code, 0)
  assert.deepEqual(await t.json(['group', 'list']), [])
})

test('`coprctl chroot` adds chroots from a file, pauses them, marks them as EOL, and sets their comments and aliases', async () => {
  await using t = await openTestCli()
  const file = await addChroot(t)
  const state = async () => (await t.json<{ state: string }[]>(['chroot', 'list']))[0]?.state
  assert.equal(await state(), 'active')
  for (const [command, after] of [
    ['disable', 'paused'],
    ['enable', 'active'],
    ['end-of-life', 'ended'],
  ] as const) {
    assert.equal((await t.run(['chroot', command, 'fedora-43-x86_64'])).out, 'fedora-43-x86_64\n')
    assert.equal(await state(), after)
  }
  await t.run(['chroot', 'comment', 'fedora-43-x86_64', 'Old \u001b[2J'])
  assert.match((await t.run(['chroot', 'list'])).out, /fedora-43-x86_64 +ended +Old +\[2J/)
  await t.run(['chroot', 'alias', 'epel-10', 'fedora-43'])
  assert.deepEqual(await t.json(['chroot', 'alias']), [
    { name_release: 'epel-10', target: 'fedora-43' },
  ])
  await t.run(['chroot', 'alias', 'epel-10', '--remove'])
  assert.deepEqual(await t.json(['chroot', 'alias']), [])
  writeFileSync(file, 'name: fedora\n')
  const { code, err } = await t.run(['chroot', 'add', file])
  assert.equal(code, 1)
  assert.match(err, /chroot names are OS-VERSION-ARCH[^]*repos/)
})

test('`coprctl token` creates, lists and revokes tokens with scopes for one project', async () => {
  await using t = await openTestCli()
  await addChroot(t)
  const dana = await createUser(t.db, { username: 'dana', now: NOW })
  const chroots = ['fedora-43-x86_64']
  await createProject(t.db, COMMAND, {
    ownername: 'dana',
    name: 'telescope',
    user_id: dana.id,
    chroots,
    now: NOW,
  })
  const limits = [
    '--scope',
    'read',
    '--scope',
    'build',
    '--project',
    'dana/telescope',
    '--days',
    '7',
  ]
  const made = await t.json<{ login: string; token: string }>([
    'token',
    'new',
    'dana',
    'ci',
    ...limits,
  ])
  assert.equal((await userOfToken(t.db, made, new Date()))?.via, 'token ci')
  const [listed] = await t.json<Record<string, unknown>[]>(['token', 'list', 'dana'])
  assert.deepEqual(
    [listed?.['name'], listed?.['scopes'], listed?.['project']],
    ['ci', ['read', 'build'], 'dana/telescope'],
  )
  assert.match(
    (await t.run(['token', 'new', 'dana', 'b', '--scope', 'read'])).out,
    /^\[copr-cli\]\nlogin = /,
  )
  assert.equal((await t.run(['token', 'new', 'dana', 'c', '--scope', 'root'])).code, 2)
  assert.match((await t.run(['token', 'new', 'dana', 'c'])).err, /choose at least one scope/)
  assert.equal((await t.run(['token', 'revoke', 'dana', 'ci'])).out, 'ci\n')
  assert.equal(await userOfToken(t.db, made, new Date()), undefined)
  assert.match((await t.run(['token', 'revoke', 'dana', '--classic'])).err, /has no classic token/)
})

test('`coprctl project` lists, shows and deletes projects, and requests new metadata', async () => {
  await using t = await openTestCli()
  await addChroot(t)
  const { id: user_id } = await createUser(t.db, { username: 'dana', now: NOW })
  const chroots = ['fedora-43-x86_64']
  await createProject(t.db, COMMAND, {
    ownername: 'dana',
    name: 'telescope',
    user_id,
    chroots,
    now: NOW,
  })
  assert.match((await t.run(['project', 'list', 'dana'])).out, /dana\/telescope/)
  assert.equal((await t.run(['project', 'list', 'kim'])).out, '')
  assert.match(
    (await t.run(['project', 'show', 'dana/telescope'])).out,
    /^chroots: fedora-43-x86_64$/m,
  )
  assert.match((await t.run(['project', 'regenerate', 'dana/telescope'])).err, /^1 repositories/)
  const { generation } = await t.db
    .selectFrom('repository')
    .select('generation')
    .executeTakeFirstOrThrow()
  await t.run(['project', 'delete', 'dana/telescope', '--reason', 'abandoned'])
  assert.ok(generation > 1)
  assert.deepEqual(await t.json(['project', 'list']), [])
  const [last] = await listAudit(t.db, { actor: 'coprctl' }, 1)
  assert.deepEqual(
    [last?.action, last?.subject, last?.reason],
    ['project.delete', 'dana/telescope', 'abandoned'],
  )
})

for (const [args, code, why] of [
  [['user', 'show', 'nobody'], 1, /User nobody does not exist/],
  [['group', 'members', 'nothing'], 1, /Group @nothing does not exist/],
  [['project', 'show', 'telescope'], 1, /write it as OWNER\/PROJECT/],
  [['chroot', 'enable', 'nothing'], 1, /Chroot nothing does not exist/],
  [['user', 'show'], 2, /missing required argument 'name'/],
  [['user', 'list', '--colour'], 2, /unknown option '--colour'/],
  [['nonsense'], 2, /unknown command 'nonsense'/],
  [
    ['user', 'list', '--config', '/nonexistent'],
    1,
    /Cannot read the configuration file \/nonexistent/,
  ],
] as const)
  test(`coprctl ${args.join(' ')} fails with ${code}`, async () => {
    await using t = await openTestCli()
    const said = await t.run([...args])
    assert.equal(said.code, code)
    assert.match(said.err, why)
    assert.match(said.err, /^coprctl: /)
    assert.equal(said.out, '')
  })

test('coprctl runs with an older Node in the PATH, and from any folder', async () => {
  await using t = await openTestCli()
  await t.run(['user', 'add', 'dana'])
  const env = { PATH: '/usr/bin:/bin' }
  const args = ['user', 'list', '--json', '--config', t.config]
  const output = await runOrThrow(PROGRAM, args, { env, cwd: t.dir })
  assert.equal(JSON.parse(output)[0].name, 'dana')
})
