import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureDetails } from '@copr/contract/failure'
import { finish, upload } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const CHROOT = 'debian-12-x86_64'

/** Adds packages of version 1.0-1 to the repository that a finished build has published to. */
async function addPackages(t: TestFrontend, id: number, names: string[]): Promise<void> {
  const place = await t.db
    .selectFrom('build_chroot')
    .innerJoin('chroot', 'chroot.id', 'build_chroot.chroot_id')
    .innerJoin('build', 'build.id', 'build_chroot.build_id')
    .innerJoin('repository', (join) =>
      join
        .onRef('repository.chroot_id', '=', 'build_chroot.chroot_id')
        .onRef('repository.project_dir_id', '=', 'build.project_dir_id'),
    )
    .select(['build_chroot.id', 'repository.id as repository_id'])
    .where('build_id', '=', id)
    .where('chroot.name', '=', CHROOT)
    .executeTakeFirstOrThrow()
  const build_chroot_id = place.id
  const { repository_id } = place
  await t.db
    .updateTable('build_chroot')
    .set({ repository_id, generation: 1 })
    .where('id', '=', build_chroot_id)
    .execute()
  for (const name of names) {
    const nevra = { name, version: '1.0', release: '1', arch: 'noarch' }
    const path = `0000000${id}-hello/${name}-1.0-1.noarch.rpm`
    await t.db
      .insertInto('built_package')
      .values({ ...nevra, build_chroot_id })
      .execute()
    await t.db
      .insertInto('repository_member')
      .values({ repository_id, build_chroot_id, path, sha256: String(id), size: 1 })
      .execute()
  }
}

async function replacedOn(t: TestFrontend, id: number): Promise<string[]> {
  const page = await (await t.ask(`/coprs/dana/telescope/build/${id}/`)).text()
  const text = page.replaceAll(/<[^>]*>/g, '').replaceAll(/\s+/g, ' ')
  return [...text.matchAll(/Build \d+ [\w ]*has replaced[^.]*(?:\.[^. ][^. ]*)*\./g)].map(
    ([all]) => all,
  )
}

test('the page of a build links to the newer builds that have replaced it in the repository', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const ids: number[] = []
  for (const names of [['hello', 'hello-doc'], ['hello-doc'], ['hello', 'hello-doc']]) {
    const { id } = await upload(t)
    await finish(t, id)
    await addPackages(t, id, names)
    ids.push(id)
    if (ids.length === 2)
      assert.deepEqual(await replacedOn(t, ids[0] ?? 0), [
        `Build ${id} has replaced packages of the same version in the repository: hello-doc-1.0-1.noarch.rpm.`,
      ])
  }
  const [first = 0, second = 0, third = 0] = ids
  for (const id of [first, second]) {
    assert.deepEqual(await replacedOn(t, id), [
      `Build ${third} of the same version has replaced it in the repository.`,
    ])
    const page = await (await t.ask(`/coprs/dana/telescope/build/${id}/`)).text()
    assert.match(page, new RegExp(`href="/coprs/dana/telescope/build/${third}/">Build ${third}<`))
  }
  assert.deepEqual(await replacedOn(t, third), [])
})

const FAILURE: FailureDetails = {
  category: 'compile',
  section: '%build',
  log: 'builder-live.log',
  line: 118,
  excerpt: { first_line: 117, lines: ['gcc -c hello.c', '<b>hello.c:1:1: error</b>'] },
  hint: 'Fix the first error.',
}

test('the page of a failed build shows the first error, its location in the log, and a hint', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  await t.db
    .updateTable('build_chroot')
    .set({ failure: JSON.stringify(FAILURE), state_reason: '%build failed', result_dir: 'place' })
    .execute()
  const page = await (await t.ask(`/coprs/dana/telescope/build/${id}/`)).text()
  assert.match(page, />compile</)
  assert.match(page, /<mark><span class="number">118<\/span> &lt;b&gt;hello\.c:1:1: error/)
  assert.match(page, /117<\/span> gcc -c hello\.c\n<mark>/)
  assert.match(
    page,
    /Line 118 of\s+<a href="\/results\/dana\/telescope\/debian-12-x86_64\/place\/builder-live\.log"/,
  )
  assert.match(page, /Fix the first error\./)
})

test('the page of a build that failed before causes were recorded shows only the reason', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  await t.db.updateTable('build_chroot').set({ state_reason: '%build failed' }).execute()
  await t.db.updateTable('build').set({ fail_reason: 'No source' }).execute()
  const page = await (await t.ask(`/coprs/dana/telescope/build/${id}/`)).text()
  assert.match(page, /%build failed/)
  assert.match(page, /No source/)
  assert.doesNotMatch(page, /Why it failed/)
})

test('the page of a build shows why it has no source package', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  const failure = JSON.stringify({ ...FAILURE, category: 'network', section: null })
  await t.db.updateTable('build').set({ fail_reason: 'No source', failure }).execute()
  const page = await (await t.ask(`/coprs/dana/telescope/build/${id}/`)).text()
  assert.match(page, />network</)
  assert.match(page, /srpm-builds\/\d{8}\/builder-live\.log/)
})

test('the page of a build links to the reports of rpmlint and fedora-review, with their findings', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await upload(t)
  await finish(t, id)
  const page = async (): Promise<string> =>
    await (await t.ask(`/coprs/dana/telescope/build/${id}/`)).text()
  assert.doesNotMatch(await page(), /rpmlint/)
  const reviews = JSON.stringify([
    { tool: 'rpmlint', errors: 1, warnings: 3 },
    { tool: 'fedora-review', errors: 0, warnings: 1 },
  ])
  await t.db.updateTable('build_chroot').set({ reviews }).execute()
  const html = await page()
  const place = `/results/dana/telescope/${CHROOT}/00000001-hello`
  assert.match(html, new RegExp(`<a href="${place}/rpmlint.txt">rpmlint</a>: 1 error, 3 warnings<`))
  assert.match(
    html,
    new RegExp(
      `<a href="${place}/fedora-review/review.txt">fedora-review</a>: 0 errors, 1 warning<`,
    ),
  )
})
