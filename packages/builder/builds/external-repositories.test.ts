import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { TaskRepo } from '@copr/contract/builder-protocol'
import { addressRules } from '@copr/process/guarded/address-rules'
import { runOrThrow } from '@copr/process/run'
import { build, fixture, reasonOf, skip, specOf, useFixture } from '../src/testing/engine-suite.ts'

useFixture()

/** Serves `dir`, or redirects each request to the same path under `redirect`; records the path of each request. */
async function serve(
  t: TestContext,
  host: string,
  { dir, redirect }: { dir: string; redirect?: string },
) {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url ?? '')
    const path = decodeURIComponent(request.url ?? '')
    if (redirect !== undefined)
      return void response.writeHead(302, { location: `${redirect}${request.url}` }).end()
    readFile(join(dir, path)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    )
  }).listen(0, host)
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { paths, url: `http://${host}:${(server.address() as AddressInfo).port}` }
}

const external = (baseurl: string): TaskRepo =>
  TaskRepo.parse({ id: 'extra', name: 'Extra', baseurl, is_external: true })

/** Makes a repository with one package in `dir`. If `inside` is set, the metadata names it as the base URL of the package files. */
async function makeRepository(dir: string, inside?: string): Promise<void> {
  const made = await build(await fixture.task(specOf({ name: 'extra' })))
  const rpm = made.context.uploads.get('extra-1.0-1.noarch.rpm')
  assert.ok(rpm, made.context.text())
  await copyFile(rpm, join(dir, 'extra-1.0-1.noarch.rpm'))
  const base = inside === undefined ? [] : ['--baseurl', inside]
  await runOrThrow('createrepo_c', ['--quiet', ...base, dir])
}

test(
  'dnf reaches user repositories at allowed addresses, but no private address named in their metadata',
  { skip },
  async (t) => {
    const dir = await mkdtemp(join(fixture.dir, 'external-'))
    const inside = await serve(t, '127.0.0.2', { dir })
    const outside = await serve(t, '127.0.0.1', { dir })
    await makeRepository(dir, inside.url)
    const spec = specOf({ name: 'user', head: 'BuildRequires: extra' })
    const task = await fixture.task(spec, { repos: [external(outside.url)] })

    const refused = await build(task, { rules: addressRules(['127.0.0.1/32']) })
    assert.equal(refused.outcome.outcome, 'failed', refused.context.text())
    assert.match(
      reasonOf(refused.outcome),
      /http:\/\/127.0.0.2:\d+\/extra-1.0-1.noarch.rpm resolves to a private address/,
    )
    assert.equal(inside.paths.length, 0)
    assert.ok(outside.paths.length > 0)

    const allowed = await build(task, { rules: addressRules(['127.0.0.0/30']) })
    assert.equal(allowed.outcome.outcome, 'succeeded', allowed.context.text())
    assert.deepEqual(
      inside.paths.filter((path) => path.endsWith('.rpm')),
      ['/extra-1.0-1.noarch.rpm'],
    )
  },
)

test(
  'a user repository in a private network fails the build with the reason',
  { skip },
  async (t) => {
    const inside = await serve(t, '127.0.0.2', { dir: fixture.dir })
    const outside = await serve(t, '127.0.0.1', { dir: fixture.dir, redirect: inside.url })
    const rules = addressRules(['127.0.0.1/32'])
    for (const baseurl of [inside.url, outside.url]) {
      const task = await fixture.task(specOf(), { repos: [external(baseurl)] })
      const { outcome } = await build(task, { rules })
      assert.match(
        reasonOf(outcome),
        /^Cannot read the repository Extra .*127.0.0.2:\d+\/repodata\/repomd.xml resolves to a private address/,
      )
    }
    const { outcome } = await build(
      await fixture.task(specOf(), { repos: [external('file:///var/cache')] }),
      { rules },
    )
    assert.match(reasonOf(outcome), /use http or https$/)
    assert.deepEqual(inside.paths, [])
  },
)
