import { ProjectChrootAnswer } from '@copr/contract/api/chroots'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const EDIT = '/api_3/project-chroot/edit/dana/telescope/fedora-43-x86_64'
const COMPS = '<?xml version="1.0"?>\n<comps><group><id>lenses</id></group></comps>\n'

/** A form like python-copr's, with all fields, most of them null. */
function multipart(
  fields: Record<string, unknown>,
  comps?: { name: string; text: string },
): FormData {
  const form = new FormData()
  const json = JSON.stringify({ additional_repos: null, isolation: null, ...fields })
  form.set('json', new File([json], 'json', { type: 'application/json' }))
  if (comps)
    form.set('upload_comps', new File([comps.text], comps.name, { type: 'application/text' }))
  return form
}

async function edit(
  t: TestFrontend,
  fields: Record<string, unknown>,
): Promise<ProjectChrootAnswer> {
  const answer = await t.get(EDIT, { as: 'dana', method: 'PUT', body: multipart(fields) })
  return ProjectChrootAnswer.parse(answer)
}

async function bootstrapOf(t: TestFrontend): Promise<unknown[]> {
  const row = await t.db
    .selectFrom('project_chroot')
    .innerJoin('chroot', 'chroot.id', 'project_chroot.chroot_id')
    .select(['bootstrap', 'bootstrap_image'])
    .where('name', '=', 'fedora-43-x86_64')
    .executeTakeFirstOrThrow()
  return [row.bootstrap, row.bootstrap_image]
}

test('project-chroot/edit changes the fields that are sent, and keeps those that are null', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const changed = await edit(t, {
    additional_repos: 'https://deps.example.org/?priority=20',
    additional_packages: ['gcc-c++', 'ccache'],
    additional_modules: 'nodejs:22,!perl:5.40,',
    with_opts: 'tests --docs',
    without_opts: ['debug'],
    isolation: 'simple',
    build_tags: 'large-disk',
  })
  assert.deepEqual(changed, {
    mock_chroot: 'fedora-43-x86_64',
    ownername: 'dana',
    projectname: 'telescope',
    comps_name: null,
    additional_repos: ['https://deps.example.org/?priority=20'],
    additional_packages: ['gcc-c++', 'ccache'],
    additional_modules: ['nodejs:22', '!perl:5.40'],
    with_opts: ['tests', '--docs'],
    without_opts: ['debug'],
    isolation: 'simple',
    delete_after_days: null,
  })
  const kept = await edit(t, { additional_modules: [] })
  assert.deepEqual(kept, changed, 'an empty list of modules counts as not sent')
  const cleared = await edit(t, { additional_packages: '', additional_modules: '', with_opts: [] })
  assert.deepEqual(cleared, {
    ...changed,
    additional_packages: [],
    additional_modules: [],
    with_opts: [],
  })
  const other = await t.get(
    '/api_3/project-chroot?ownername=dana&projectname=telescope&chrootname=debian-12-x86_64',
  )
  assert.deepEqual(other['without_opts'], [])
  const { details } = await t.db
    .selectFrom('audit_log')
    .select('details')
    .where('action', '=', 'chroot.edit')
    .orderBy('id')
    .executeTakeFirstOrThrow()
  assert.deepEqual((details as Record<string, unknown>)['build_tags'], ['large-disk'])
})

test('project-chroot/edit resets fields before it sets others', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  await edit(t, { with_opts: 'a', without_opts: 'b', isolation: 'simple', bootstrap: 'on' })
  const changed = await edit(t, {
    reset_fields: ['with_opts', 'without_opts', 'isolation', 'bootstrap'],
    without_opts: 'c',
  })
  assert.deepEqual(
    [changed.with_opts, changed.without_opts, changed.isolation, ...(await bootstrapOf(t))],
    [[], ['c'], 'unchanged', 'unchanged', null],
  )
})

test('project-chroot/edit keeps the bootstrap mode consistent with the bootstrap image', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const steps: [Record<string, unknown>, unknown[]][] = [
    [{ bootstrap_image: 'registry/team/image:43' }, ['custom_image', 'registry/team/image:43']],
    [{ isolation: 'nspawn' }, ['custom_image', 'registry/team/image:43']],
    [{ bootstrap: 'custom_image', bootstrap_image: 'b' }, ['custom_image', 'b']],
    [{ bootstrap: 'custom_image' }, ['custom_image', 'b']],
    [{ bootstrap_image: '' }, ['unchanged', null]],
    [{ bootstrap: 'custom_image', bootstrap_image: 'c' }, ['custom_image', 'c']],
    [{ bootstrap: 'on' }, ['on', null]],
    [{ bootstrap_image: 'd' }, ['custom_image', 'd']],
    [{ reset_fields: 'bootstrap_image' }, ['unchanged', null]],
  ]
  for (const [fields, want] of steps) {
    await edit(t, fields)
    assert.deepEqual(await bootstrapOf(t), want, JSON.stringify(fields))
  }
})

const WRONG: [Record<string, unknown>, RegExp][] = [
  [
    { additional_modules: 'nodejs' },
    /^additional_modules: Module name 'nodejs' must consist of two parts/,
  ],
  [
    { additional_modules: 'nodejs:22, nodejs:20' },
    /^additional_modules: Module name 'nodejs' specified multiple times/,
  ],
  [
    { additional_modules: ['!perl:5', 'perl:5'] },
    /^additional_modules: Module name 'perl' specified multiple times/,
  ],
  [{ additional_modules: 'a:b:c' }, /^additional_modules/],
  [{ additional_repos: 'ftp://a.example.org' }, /^additional_repos/],
  [{ additional_repos: 'copr://dana/nothing' }, /^additional_repos: .*There is no such project/],
  [{ additional_packages: '--installroot=/' }, /^additional_packages/],
  [{ with_opts: '-x' }, /^with_opts/],
  [{ with_opts: '---x' }, /^with_opts/],
  [{ without_opts: '--' }, /^without_opts/],
  [{ without_opts: 'a;b' }, /^without_opts/],
  [{ bootstrap: 'yes' }, /^bootstrap/],
  [{ bootstrap: 'custom_image' }, /^bootstrap_image: is required/],
  [{ bootstrap_image: 'a b' }, /^bootstrap_image/],
  [{ bootstrap_image: 'a:b:c' }, /^bootstrap_image/],
  [{ isolation: 'chroot' }, /^isolation/],
  [{ reset_fields: 'comps_name' }, /^reset_fields/],
  [{ build_tags: 'a/b' }, /^build_tags/],
]
test('project-chroot/edit refuses invalid fields with a message', async (suite) => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  for (const [fields, message] of WRONG)
    await suite.test(JSON.stringify(fields), async () => {
      const response = await t.ask(EDIT, { as: 'dana', method: 'PUT', json: fields })
      assert.equal(response.status, 400)
      assert.match(((await response.json()) as { error: string }).error, message)
    })
})

test('project-chroot/edit requires the right to edit, and a chroot of the project', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const send = async (as: 'kim' | 'dana', path: string): Promise<number> =>
    (await t.ask(path, { as, method: 'PUT', json: { with_opts: 'a' } })).status
  assert.equal(await send('kim', EDIT), 403)
  assert.equal(await send('dana', EDIT.replace('x86_64', 'i386')), 404)
  assert.equal(await send('dana', EDIT.replace('telescope', 'nothing')), 404)
  const old = await t.ask(EDIT, { as: 'dana', json: {} })
  assert.equal(old.status, 200)
  assert.match(old.headers.get('warning') ?? '', /Use PUT method instead of POST/)
})

test('a comps file is stored, shown and removed, and each change triggers a new index', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const page = '/coprs/dana/telescope/chroot/fedora-43-x86_64/comps/'
  const generations = async (): Promise<number[]> => {
    const rows = await t.db.selectFrom('repository').select('generation').orderBy('id').execute()
    return rows.map(({ generation }) => generation)
  }
  const send = async (body: FormData): Promise<ProjectChrootAnswer> =>
    ProjectChrootAnswer.parse(await t.get(EDIT, { as: 'dana', method: 'PUT', body }))
  assert.equal(await (await t.ask(page)).text(), '')
  assert.deepEqual(await generations(), [1, 1])

  const stored = await send(multipart({}, { name: 'C:\\my\\lenses.xml', text: COMPS }))
  assert.equal(stored.comps_name, 'lenses.xml')
  const shown = await t.ask(page)
  assert.match(shown.headers.get('content-type') ?? '', /^text\/plain/i)
  assert.equal(await shown.text(), COMPS)
  assert.deepEqual(await generations(), [1, 2])

  assert.equal((await send(multipart({ with_opts: 'a' }))).comps_name, 'lenses.xml')
  assert.deepEqual(await generations(), [1, 2])

  assert.equal((await send(multipart({ delete_comps: true }))).comps_name, null)
  assert.equal(await (await t.ask(page)).text(), '')
  assert.deepEqual(await generations(), [1, 3])

  const evil = '<!DOCTYPE comps [<!ENTITY a "b">]><comps>&a;</comps>'
  const body = multipart({}, { name: 'comps.xml', text: evil })
  const refused = await t.ask(EDIT, { as: 'dana', method: 'PUT', body })
  assert.equal(refused.status, 400)
  assert.match(await refused.text(), /upload_comps: not a comps file/)
})
