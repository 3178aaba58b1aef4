import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { before, test } from 'node:test'
import { COMMAND } from '@copr/domain/audit/actor'
import { createGroup } from '@copr/domain/groups/create-group'
import { addMember } from '@copr/domain/groups/memberships'
import { findProject } from '@copr/domain/projects/project-queries'
import { type QuotaValues, setQuota } from '@copr/domain/quotas/change-quota'
import { noteSources } from '@copr/domain/quotas/source-storage'
import { type MadeRpm, uploadForm } from '../testing/make-srpm.ts'
import { helloSrpm, LINK, TARGET, UPLOAD, URLS } from '../testing/test-builds.ts'
import { browse } from '../testing/browse.ts'
import { addTelescope, NOW, openTestFrontend, type TestFrontend } from '../testing/test-frontend.ts'

const KIB = 1024
const PROJECT = '/coprs/dana/telescope'

let srpm: MadeRpm
before(async () => {
  srpm = await helloSrpm()
})

async function openWithProject(): Promise<TestFrontend> {
  const t = await openTestFrontend()
  await addTelescope(t)
  return t
}

async function setOf(t: TestFrontend, ownername: string, values: QuotaValues): Promise<void> {
  await setQuota(t.db, COMMAND, { subject: { ownername }, values, now: NOW })
}

/** Makes the project dana/telescope use this many bytes of storage. */
async function hold(t: TestFrontend, bytes: number): Promise<void> {
  const place = { owner: 'dana', dirname: 'telescope', package_name: 'hello' }
  await noteSources(t.db, place, [{ name: 'hello.tar', digest: String(bytes), bytes }])
}

/** Sends an upload as python-copr does; returns the status and the error. */
async function upload(t: TestFrontend): Promise<[number, unknown]> {
  const response = await t.ask(UPLOAD, { as: 'dana', body: uploadForm(srpm, TARGET) })
  const body = (await response.json()) as Record<string, unknown>
  if (response.status !== 200) assert.deepEqual(Object.keys(body), ['error'])
  return [response.status, body['error']]
}

async function assertNothingMade(t: TestFrontend): Promise<void> {
  assert.deepEqual(await t.db.selectFrom('build').select('id').execute(), [])
  assert.deepEqual(await readdir(t.frontend.uploads_dir), [])
}

test('an upload that exceeds the storage quota gets 403 with the figures, and leaves no file behind', async () => {
  await using t = await openWithProject()
  await setOf(t, 'dana', { storage_bytes: 100 * KIB })
  await hold(t, 100 * KIB - 1)
  assert.deepEqual(await upload(t), [
    403,
    `Cannot submit the build: the projects of dana hold 100 KiB and would get ${(srpm.bytes.length / KIB).toFixed(1).replace('.0', '')} KiB more, the limit is 100 KiB; delete builds, packages or projects, or ask an administrator for a higher quota`,
  ])
  await assertNothingMade(t)
  await setOf(t, 'dana', { storage_bytes: 200 * KIB })
  assert.equal((await upload(t))[0], 200)
})

test("an upload is limited by its project's quotas, even if they are higher than the configured limit", async () => {
  await using t = await openWithProject()
  const project = await findProject(t.db, 'dana', 'telescope')
  assert.ok(project)
  const set = (values: QuotaValues): Promise<void> =>
    setQuota(t.db, COMMAND, { subject: { project }, values, now: NOW })
  await set({ upload_bytes: 1000 })
  const [status, error] = await upload(t)
  assert.equal(status, 413)
  assert.match(
    String(error),
    /^Cannot build hello-2.12-1.src.rpm: it has [\d.]+ KiB, the limit is 1000 bytes; make it smaller/,
  )
  await set({ upload_bytes: 1_000_000, unpacked_bytes: 10 })
  assert.match(String((await upload(t))[1]), /its contents have \d+ bytes, the limit is 10 bytes/)
  await assertNothingMade(t)
  t.frontend.config.limits.max_upload_bytes = 100
  await set({ unpacked_bytes: 1_000_000 })
  assert.equal((await upload(t))[0], 200)
})

test('a request with several URLs submits either all builds or none', async () => {
  await using t = await openWithProject()
  await setOf(t, 'dana', { queued_builds: 2 })
  const json = { ...TARGET, pkgs: [LINK, `${LINK}?2`, `${LINK}?3`] }
  const response = await t.ask(URLS, { as: 'dana', json })
  assert.equal(response.status, 403)
  assert.deepEqual(await response.json(), {
    error:
      'Cannot submit 3 builds: dana has 0 waiting tasks, the limit is 2; wait until some have started, cancel builds, or ask an administrator for a higher quota',
  })
  await assertNothingMade(t)
  await t.get(URLS, { as: 'dana', json: { ...TARGET, pkgs: json.pkgs.slice(0, 2) } })
  const check = await t.ask('/api_3/build/check-before-build', { as: 'dana', json: TARGET })
  assert.equal(check.status, 403)
})

test('the pages for new builds show why a build is refused', async () => {
  await using t = await openWithProject()
  await setOf(t, 'dana', { storage_bytes: 100 })
  await hold(t, 100)
  const dana = await browse(t, 'dana')
  const refusal =
    /Cannot submit the build: the projects of dana hold 100 bytes, the limit is 100 bytes/
  const url = await dana.post(`${PROJECT}/add_build/`, { pkgs: LINK }, `${PROJECT}/add_build/`)
  assert.equal(url.status, 400)
  assert.match(url.text, refusal)
  const from = `${PROJECT}/add_build_upload/`
  const pkgs = new File([new Uint8Array(srpm.bytes)], srpm.name)
  const sent = await dana.post(from, { pkgs }, from)
  assert.equal(sent.status, 400)
  assert.match(sent.text, refusal)
  const fork = await dana.post(
    `${PROJECT}/fork/`,
    { name: 'copy', ownername: 'dana' },
    `${PROJECT}/fork/`,
  )
  assert.match(fork.text, /Cannot fork the project: the projects of dana hold 100 bytes/)
  await assertNothingMade(t)
})

test("the account page shows the user's storage and tasks, with the limits", async () => {
  await using t = await openWithProject()
  const dana = await browse(t, 'dana')
  const page = async (): Promise<string> => (await dana.get('/user/info/')).text
  assert.match(await page(), /Storage.*0 bytes, without a limit.*0 tasks, without a limit/s)
  await setOf(t, 'dana', { storage_bytes: 10 * KIB, running_builds: 4, queued_builds: 7 })
  await hold(t, 5 * KIB)
  assert.match(await page(), /5 KiB of 10 KiB.*results and logs 0 bytes, sources 5 KiB/s)
  assert.match(await page(), /Running.*0 tasks of at most 4.*Waiting.*0 tasks of at most 7/s)
  assert.match(await page(), /Largest source package.*1 MiB, with contents of 8 MiB/s)
  assert.doesNotMatch(await page(), /storage is/)
  await hold(t, 4.5 * KIB)
  assert.match(await page(), /The storage is almost full/)
  await hold(t, KIB)
  assert.match(await page(), /The storage is full: new builds are refused/)
})

test("a project's settings show its storage and its owner's, and its overview shows the project's storage", async () => {
  await using t = await openWithProject()
  await setOf(t, 'dana', { storage_bytes: 10 * KIB })
  await hold(t, 5 * KIB)
  const { text } = await (await browse(t, 'dana')).get(`${PROJECT}/edit/`)
  assert.match(text, /Storage and builds.*5 KiB, without a limit/s)
  assert.match(text, /All projects of dana together use 5 KiB of 10 KiB\./)
  const overview = await (await browse(t)).get(`${PROJECT}/`)
  assert.match(overview.text, /Storage.*5 KiB/s)
})

test('the page that lists groups shows the storage of each group', async () => {
  await using t = await openWithProject()
  const group = await createGroup(t.db, COMMAND, { name: 'orbit', now: NOW })
  await addMember(t.db, COMMAND, { group, user: t.dana }, NOW)
  await setOf(t, '@orbit', { storage_bytes: 7 * KIB })
  const { text } = await (await browse(t, 'dana')).get('/groups/list/my')
  assert.match(text, /@orbit.*0 bytes of 7 KiB/s)
})
