import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Configuration } from '@copr/contract/configuration'
import { COMMAND } from '@copr/domain/audit/actor'
import { type Build, findBuild } from '@copr/domain/builds/build-queries'
import { cancelBuild } from '@copr/domain/builds/cancel'
import { importChroot } from '@copr/domain/chroots/chroot-queries'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { deletePackage } from '@copr/domain/packages/delete-package'
import { createProject } from '@copr/domain/projects/create-project'
import type { Project } from '@copr/domain/projects/project-queries'
import { setQuota } from '@copr/domain/quotas/change-quota'
import { storageOfProject } from '@copr/domain/quotas/storage-use'
import { issueToken } from '@copr/domain/users/api-tokens'
import { createUser } from '@copr/domain/users/user-queries'
import { silentLog } from '@copr/process/log'
import { type MadeFile, makeRpm } from '@copr/rpm/testing/make-rpm'
import { openTestDb, type TestDb } from '@copr/testkit/postgres'
import { runComponent } from './components.ts'

const CHROOT = 'debian-12-x86_64'
const MIB = 1024 ** 2

suite('quotas of imports, with the real frontend, gateway and dist-git', () => {
  let t: TestDb
  let data_dir: string
  let project: Project
  let url: string
  let authorization: string
  let running: Promise<void>
  const stop = new AbortController()

  before(async () => {
    t = await openTestDb()
    data_dir = await mkdtemp(join(tmpdir(), 'copr-imports-'))
    const now = new Date()
    const chroot = { name: CHROOT, comment: '', repos: [], install: [], macros: {}, tags: [] }
    await importChroot(t.db, chroot, now)
    const user = await createUser(t.db, { username: 'dana', now })
    const wanted = {
      ownername: 'dana',
      name: 'telescope',
      user_id: user.id,
      chroots: [CHROOT],
      now,
    }
    project = await createProject(t.db, COMMAND, wanted)
    const { login, token } = await issueToken(t.db, user.id, { now, days: 9 })
    authorization = `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`
    const port = await freePort(0)
    url = `http://127.0.0.1:${port}`
    const config = Configuration.parse({
      public_url: url,
      listen: { host: '127.0.0.1', port },
      data_dir,
      database_url: t.url,
      // keygen is not running: nothing is signed before an import.
      keygen: { url: 'http://127.0.0.1:1', secret: 'a secret for tests only' },
      limits: { max_unpacked_bytes: 8 * MIB, max_unpacked_file_bytes: MIB },
    })
    const listening = Promise.withResolvers<void>()
    running = runComponent(
      'servers',
      { config, log: silentLog(), stop: stop.signal, onListening: () => listening.resolve() },
      { name: 'none', scratch_dir: data_dir, enroll_token: undefined },
    )
    await Promise.race([listening.promise, running])
  })
  after(async () => {
    stop.abort()
    await running
    await t[Symbol.asyncDispose]()
    await rm(data_dir, { recursive: true, force: true })
  })

  async function upload(
    files: MadeFile[],
  ): Promise<{ status: number; body: { id: number; error: string } }> {
    const spec = { name: 'hello.spec', content: 'Name: hello\n' }
    const srpm = makeRpm({ files: [spec, ...files], compressor: 'zstd' })
    const form = new FormData()
    form.set('ownername', 'dana')
    form.set('projectname', 'telescope')
    form.set('pkgs', new File([new Uint8Array(srpm)], 'hello-1.0-1.src.rpm'))
    const response = await fetch(`${url}/api_3/build/create/upload`, {
      method: 'POST',
      headers: { authorization },
      body: form,
    })
    return {
      status: response.status,
      body: (await response.json()) as { id: number; error: string },
    }
  }

  async function untilImported(id: number): Promise<Build> {
    for (;;) {
      const build = await findBuild(t.db, id)
      assert.ok(build)
      if (build.source_state !== 'importing') return build
      await sleep(50)
    }
  }

  async function assertFailedOnce(id: number, reason: RegExp): Promise<void> {
    const build = await untilImported(id)
    assert.deepEqual([build.state, build.source_state], ['failed', 'failed'])
    assert.match(build.fail_reason ?? '', reason)
    const tasks = await t.db
      .selectFrom('task')
      .select(['kind', 'state', 'attempts'])
      .where('build_id', '=', id)
      .execute()
    assert.deepEqual(tasks, [{ kind: 'import', state: 'done', attempts: 1 }])
  }

  /** Lists all of dist-git's files, including temporary ones. */
  async function stored(): Promise<string[]> {
    const entries = await readdir(join(data_dir, 'distgit'), {
      recursive: true,
      withFileTypes: true,
    })
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
  }

  async function until(isTrue: () => Promise<boolean>): Promise<void> {
    while (!(await isTrue())) await sleep(50)
  }

  test('a small SRPM that unpacks to more than the limit fails its build once, with the figures, and leaves no file', async () => {
    const bomb = { name: 'zeros.bin', content: Buffer.alloc(7 * MIB) }
    const { status, body } = await upload([bomb])
    assert.equal(status, 200, body.error)
    await assertFailedOnce(
      body.id,
      /^Cannot read hello.src.rpm: file "zeros.bin" has 7340032 bytes, the limit is 1048576$/,
    )
    assert.deepEqual(await stored(), [])
    assert.equal((await storageOfProject(t.db, project)).sources, 0)
  })

  test('an SRPM whose header declares contents beyond the limit is refused, and no build is created', async () => {
    const files = Array.from({ length: 9 }, (_, i) => ({
      name: `zeros-${i}`,
      content: Buffer.alloc(MIB),
    }))
    const { status, body } = await upload(files)
    assert.equal(status, 413)
    assert.deepEqual(body, {
      error:
        'Cannot build hello-1.0-1.src.rpm: its contents have 9 MiB, the limit is 8 MiB; make it smaller, or ask an administrator for a higher quota',
    })
  })

  test('sources count toward storage until their package is deleted; sources beyond the storage quota are not stored', async () => {
    const tarball = { name: 'hello.tar', content: Buffer.alloc(MIB / 2) }
    const first = await upload([tarball])
    assert.equal(first.status, 200, first.body.error)
    assert.equal((await untilImported(first.body.id)).source_state, 'succeeded')
    const { sources } = await storageOfProject(t.db, project)
    assert.equal(sources, MIB / 2 + 'Name: hello\n'.length)

    const before = await stored()
    const values = { storage_bytes: MIB }
    await setQuota(t.db, COMMAND, { subject: { project }, values, now: new Date() })
    const more = await upload([tarball, { name: 'more.tar', content: Buffer.alloc(MIB) }])
    assert.equal(more.status, 200, more.body.error)
    await assertFailedOnce(
      more.body.id,
      /^Cannot import the sources of hello: dana\/telescope holds [\d.]+ KiB and would get 1 MiB more, the limit is 1 MiB; delete builds/,
    )
    assert.deepEqual(await stored(), before)

    await cancelBuild(t.db, COMMAND, first.body.id, new Date())
    await deletePackage(t.db, { actor: COMMAND, project, name: 'hello' }, new Date())
    await until(async () => (await storageOfProject(t.db, project)).sources === 0)
    assert.deepEqual(await stored(), [])
  })
})
