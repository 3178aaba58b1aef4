import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMAND } from '@copr/domain/audit/actor'
import { listAudit } from '@copr/domain/audit/audit-queries'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import { createGroup } from '@copr/domain/groups/create-group'
import { createProject } from '@copr/domain/projects/create-project'
import { createUser } from '@copr/domain/users/user-queries'
import { openTestCli, type TestCli } from '../testing.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
const CHROOT = 'debian-12-x86_64'

async function openWithProject(): Promise<TestCli> {
  const t = await openTestCli()
  const config = { name: CHROOT, comment: '', repos: [], install: [], macros: {}, tags: [] }
  await importChroot(t.db, config, NOW)
  const { id } = await createUser(t.db, { username: 'dana', now: NOW })
  await createGroup(t.db, COMMAND, { name: 'orbit', now: NOW })
  const project = { name: 'telescope', user_id: id, chroots: [CHROOT], now: NOW }
  await createProject(t.db, COMMAND, { ...project, ownername: 'dana' })
  return t
}

test('`coprctl quota` shows, sets and resets the quotas of a user, and changes are audited', async () => {
  await using t = await openWithProject()
  assert.equal(
    (await t.run(['quota', 'show', 'dana'])).out,
    [
      'quota     used     limit    from',
      'storage   0 bytes  100 GiB  configuration',
      'running   0        none     configuration',
      'queued    0        10000    configuration',
      'upload    -        10 GiB   configuration',
      'unpacked  -        20 GiB   configuration',
      '',
    ].join('\n'),
  )
  const args = ['--storage', '1.5T', '--running', '8', '--queued', 'none', '--upload', '500M']
  const set = await t.run(['quota', 'set', 'dana', ...args, '--reason', 'a mass rebuild'])
  assert.deepEqual([set.code, set.err], [0, 'Set quotas of dana\n'])
  assert.match(set.out, /^storage {3}0 bytes {2}1\.5 TiB {2}set$/m)
  assert.match(set.out, /^queued +0 +none +set$/m)
  assert.match(set.out, /^unpacked +- +20 GiB +configuration$/m)
  const max = await t.db.selectFrom('quota').select(['kind', 'max']).orderBy('kind').execute()
  assert.deepEqual(
    max.map((row) => [row.kind, row.max]),
    [
      ['queued_builds', null],
      ['running_builds', 8],
      ['storage_bytes', 1.5 * 1024 ** 4],
      ['upload_bytes', 500 * 1024 ** 2],
    ],
  )
  await t.run(['quota', 'reset', 'dana', '--storage', '--upload'])
  assert.equal(
    (await t.run(['quota', 'list'])).out,
    'name  quota    limit\ndana  queued   none\ndana  running  8\n',
  )
  await t.run(['quota', 'reset', 'dana'])
  assert.deepEqual(await t.json(['quota', 'list']), [])
  const [last, , first] = await listAudit(t.db, {}, 3)
  assert.deepEqual([last?.action, last?.subject], ['quota.reset', 'user dana'])
  assert.deepEqual([first?.action, first?.reason], ['quota.set', 'a mass rebuild'])
})

test('`coprctl quota` also manages the quotas of groups and projects', async () => {
  await using t = await openWithProject()
  await t.run(['quota', 'set', '@orbit', '--running', '2'])
  await t.run(['quota', 'set', 'dana/telescope', '--unpacked', '4GiB'])
  assert.deepEqual(await t.json(['quota', 'list']), [
    { name: '@orbit', quota: 'running', limit: '2' },
    { name: 'dana/telescope', quota: 'unpacked', limit: '4 GiB' },
  ])
  const rows = await t.json<{ quota: string; limit: string; from: string }[]>([
    'quota',
    'show',
    'dana/telescope',
  ])
  assert.deepEqual(
    rows.map(({ quota, limit, from }) => `${quota} ${limit} ${from}`),
    [
      'storage none configuration',
      'running none configuration',
      'queued none configuration',
      'upload 10 GiB configuration',
      'unpacked 4 GiB set',
    ],
  )
})

for (const [args, code, message] of [
  [['show', 'kim'], 1, /User kim does not exist/],
  [['show', '@moon'], 1, /Group @moon does not exist/],
  [['show', 'dana/camera'], 1, /Project dana\/camera does not exist/],
  [['set', 'dana'], 1, /name one of --storage, --running, --queued, --upload, --unpacked/],
  [['set', 'dana', '--storage', '-5G'], 1, /expected a size such as 20G, received "-5G"/],
  [['set', 'dana', '--storage', '1e9'], 1, /received "1e9"/],
  [['set', 'dana', '--running', '2G'], 1, /Cannot set --running: expected a number, received "2G"/],
  [['set', 'dana', '--running', '0'], 1, /received 0/],
  [['set', 'dana', '--upload', 'none'], 1, /the size of an SRPM must have a limit/],
  [['set', 'dana', '--tasks', '1'], 2, /unknown option '--tasks'/],
] as const)
  test(`coprctl quota ${args.join(' ')} fails and changes nothing`, async () => {
    await using t = await openWithProject()
    const answer = await t.run(['quota', ...args])
    assert.equal(answer.code, code)
    assert.match(answer.err, message)
    assert.deepEqual(await t.json(['quota', 'list']), [])
  })
