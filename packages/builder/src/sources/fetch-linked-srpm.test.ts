import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { addressRules, ANY_ADDRESS } from '@copr/process/guarded/address-rules'
import { run, runOrThrow } from '@copr/process/run'
import { recordedContext } from '../testing/build-fixture.ts'
import { fetchLinkedSrpm, type LinkOptions, type LinkTask } from './fetch-linked-srpm.ts'

const skip =
  !(await run('rpmbuild', ['--version']).catch(() => ({ ok: false }))).ok &&
  'rpmbuild is not installed'

const LIMITS = { max_log_bytes: 1_000_000, max_disk_bytes: 1_000_000_000 }

const SPEC =
  'Name: tiny\nVersion: 1.0\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n%files\n'

async function makeRpms(dir: string): Promise<{ srpm: Buffer; binary: Buffer }> {
  await writeFile(join(dir, 'tiny.spec'), SPEC)
  await runOrThrow(
    'rpmbuild',
    ['-ba', '--quiet', '--define', `_topdir ${dir}/top`, join(dir, 'tiny.spec')],
    { env: { HOME: dir } },
  )
  return {
    srpm: await readFile(join(dir, 'top/SRPMS/tiny-1.0-1.src.rpm')),
    binary: await readFile(join(dir, 'top/RPMS/noarch/tiny-1.0-1.noarch.rpm')),
  }
}

/** Runs a task that links to `path` on a server that responds with `answer`. */
async function link(
  t: TestContext,
  path: string,
  answer: (rpms: { srpm: Buffer; binary: Buffer }) => RequestListener,
  options: Partial<LinkOptions> & { max_srpm_bytes?: number; timeout_seconds?: number } = {},
) {
  const dir = await mkdtemp(join(tmpdir(), 'copr-link-'))
  const server = createServer(answer(await makeRpms(dir))).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(dir, { recursive: true })
  })
  const url = path.startsWith('/')
    ? `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
    : path
  const task: LinkTask = {
    kind: 'source',
    task_id: '1',
    build_id: 1,
    owner: 'jane',
    project: 'tools',
    dirname: 'tools',
    sandbox: 'jane',
    submitter: 'jane',
    timeout_seconds: options.timeout_seconds ?? 60,
    source: { type: 'link', url },
    limits: { ...LIMITS, max_srpm_bytes: options.max_srpm_bytes ?? 1_000_000 },
  }
  const context = recordedContext(dir)
  const builds_dir = join(dir, 'builds')
  const outcome = await fetchLinkedSrpm(task, context, {
    builds_dir,
    rules: ANY_ADDRESS,
    ...options,
  })
  assert.deepEqual(await readdir(builds_dir), [])
  return { outcome, context, reason: 'reason' in outcome ? outcome.reason : '' }
}

test('an SRPM is fetched and uploaded under its own name', { skip }, async (t) => {
  const { outcome, context } = await link(
    t,
    '/any-name',
    ({ srpm }) =>
      (_, response) =>
        response.end(srpm),
  )
  assert.equal(outcome.outcome, 'succeeded')
  assert.deepEqual([...context.uploads.keys()], ['tiny-1.0-1.src.rpm'])
})

test('redirects are followed up to a limit', { skip }, async (t) => {
  const redirect =
    ({ srpm }: { srpm: Buffer }): RequestListener =>
    (request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) response.end(srpm)
      else response.writeHead(302, { location: `/${left - 1}` }).end()
    }
  assert.equal((await link(t, '/5', redirect)).outcome.outcome, 'succeeded')
  assert.match((await link(t, '/6', redirect)).reason, /redirects more than 5 times$/)
})

for (const [title, path, answer, want] of [
  [
    'a missing file',
    '/x',
    (_, response) => response.writeHead(404).end(),
    /^The server responded with 404 Not Found for http:.*\/x$/,
  ],
  ['an empty response', '/x', (_, response) => response.end(), /is not an SRPM/],
  ['an HTML page', '/x', (_, response) => response.end('<html>'), /is not an SRPM/],
  [
    'a redirect to a file',
    '/x',
    (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    /use http or https$/,
  ],
  ['a broken connection', '/x', (request) => request.socket.destroy(), /cannot be reached/],
  ['a file URL', 'file:///etc/passwd', (_, response) => response.end(), /use http or https$/],
  ['an invalid URL', 'nonsense', (_, response) => response.end(), /is not a URL$/],
] satisfies [string, string, RequestListener, RegExp][])
  test(`${title} fails with a readable reason`, { skip }, async (t) => {
    const { outcome, reason } = await link(t, path, () => answer as RequestListener)
    assert.ok(outcome.outcome === 'failed')
    assert.match(reason, want)
    const category = /is not an SRPM/.test(reason) ? 'verification' : 'network'
    assert.equal(outcome.failure?.category, category)
    assert.match(outcome.failure?.excerpt?.lines.at(-1) ?? '', /^Failed: /)
  })

test('a binary RPM is refused', { skip }, async (t) => {
  const { reason } = await link(
    t,
    '/x',
    ({ binary }) =>
      (_, response) =>
        response.end(binary),
  )
  assert.match(reason, /is a binary RPM, not a source RPM$/)
})

test('a truncated SRPM is refused', { skip }, async (t) => {
  const { reason } = await link(
    t,
    '/x',
    ({ srpm }) =>
      (_, response) =>
        response.end(srpm.subarray(0, 700)),
  )
  assert.match(reason, /is not an SRPM/)
})

test('a file over the limit is refused with and without Content-Length', { skip }, async (t) => {
  const endless: RequestListener = (_, response) => {
    const more = (): void =>
      void response.write(Buffer.alloc(10_000), (error) => error || setImmediate(more))
    more()
  }
  const announced: RequestListener = (_, response) =>
    response.writeHead(200, { 'content-length': 2 ** 63 }).write('x')
  for (const answer of [endless, announced])
    assert.match(
      (await link(t, '/x', () => answer, { max_srpm_bytes: 50_000 })).reason,
      /larger than the limit of 50000 bytes$/,
    )
})

test('a server that hangs times out', { skip }, async (t) => {
  const silent: RequestListener = () => undefined
  const stalls: RequestListener = (_, response) => void response.writeHead(200).write('x')
  assert.match(
    (await link(t, '/x', () => silent, { connect_seconds: 0.2 })).reason,
    /did not answer within 0.2 seconds$/,
  )
  assert.match(
    (await link(t, '/x', () => stalls, { idle_seconds: 0.2 })).reason,
    /^no data from .* for 0.2 seconds$/,
  )
  assert.match(
    (await link(t, '/x', () => stalls, { timeout_seconds: 1 })).reason,
    /took longer than the timeout of 1 seconds$/,
  )
})

test('private addresses are refused unless allowed', { skip }, async (t) => {
  const { reason } = await link(
    t,
    '/x',
    ({ srpm }) =>
      (_, response) =>
        response.end(srpm),
    { rules: addressRules(false) },
  )
  assert.match(reason, /resolves to a private address, which is not allowed$/)
})
