import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SourceTask } from '@copr/contract/builder-protocol'
import type { FailureCategory } from '@copr/contract/failure'
import { fixture, specOf } from '../src/testing/engine-suite.ts'
import {
  contentOf,
  runSource,
  serve,
  skip,
  sourceTask,
  urlOf,
  useSources,
} from '../src/testing/source-suite.ts'
import { makeFromSpec, type SpecTask } from '../src/sources/from-spec.ts'

useSources()

type Options = Parameters<typeof sourceTask>[1]

/** Runs a task for a spec file that was uploaded under the given name. */
async function upload(text: string, options?: Options, file_name = 'probe.spec') {
  const path = join(fixture.dir, 'upload.spec')
  await writeFile(path, text)
  const task = sourceTask({ type: 'upload', file_name }, options) as SpecTask
  return await runSource((_, ...rest) => makeFromSpec(task, ...rest), task, { upload: path })
}

async function link(url: string, options?: Options) {
  const task = sourceTask({ type: 'link', url }, options) as SpecTask
  return await runSource((_, ...rest) => makeFromSpec(task, ...rest), task)
}

test(
  'an uploaded spec without sources becomes an SRPM whose release lacks %dist',
  { skip },
  async () => {
    const { outcome, srpm, log } = await upload(
      specOf().replace('Release: 1', 'Release: 1%{?dist}'),
    )
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.ok(srpm)
    assert.deepEqual(await contentOf(srpm[1]), { nvr: 'probe-1.0-1', files: ['probe.spec'] })
    assert.equal(srpm[0], 'probe-1.0-1.src.rpm')
  },
)

test('the sources and patches that a spec names by URL are downloaded', { skip }, async () => {
  const tarball = serve('/probe-1.0.tar.gz', 'not really a tarball')
  const patch = serve('/moved.patch', (_, response) =>
    response.writeHead(302, { location: '/target.patch' }).end(),
  )
  serve('/target.patch', 'a patch')
  const head = `Source0: ${tarball.replace('1.0.tar', '%{version}.tar')}\nPatch0: ${patch}`
  const url = serve('/specs/', specOf({ head }))
  const { outcome, srpm, log } = await link(`${url}probe.spec?ref=main`)
  assert.equal(outcome.outcome, 'succeeded', log)
  assert.ok(srpm)
  const { files } = await contentOf(srpm[1])
  assert.deepEqual(files, ['moved.patch', 'probe-1.0.tar.gz', 'probe.spec'])
})

const endless: RequestListener = (_, response) => {
  const more = (): void =>
    void response.write(Buffer.alloc(100_000), (error) => error || setImmediate(more))
  more()
}

const FAILURES: [
  title: string,
  category: FailureCategory,
  text: () => string,
  reason: RegExp,
  options?: Options,
][] = [
  [
    'a source without a URL',
    'prep',
    () => specOf({ head: 'Source0: a.tar.gz\nPatch0: fix.patch' }),
    /^the spec names a\.tar\.gz, fix\.patch without a URL, and the source does not contain it: name each source by a URL, or build a source package \(\.src\.rpm\)$/,
  ],
  [
    'a source that does not exist',
    'network',
    () => specOf({ head: `Source0: ${urlOf('/gone.tar.gz')}` }),
    /^cannot download http:.*\/gone\.tar\.gz: the server responded with 404$/,
  ],
  [
    'a source at a private address',
    'network',
    () => specOf({ head: 'Source0: http://10.1.2.3/a.tar.gz' }),
    /^cannot download http:\/\/10\.1\.2\.3\/a\.tar\.gz: 10\.1\.2\.3 is a private address, which is not allowed$/,
  ],
  [
    'a source that redirects to a private address',
    'network',
    () =>
      specOf({
        head: `Source0: ${serve('/inward', (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end())}`,
      }),
    /^cannot download http:.*\/inward: 169\.254\.169\.254 is a private address, which is not allowed$/,
  ],
  [
    'a source that redirects to a file',
    'network',
    () =>
      specOf({
        head: `Source0: ${serve('/to-file', (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end())}`,
      }),
    /^cannot download http:.*\/to-file: file URLs are not allowed$/,
  ],
  [
    'a source that redirects forever',
    'network',
    () =>
      specOf({
        head: `Source0: ${serve('/round', (_, response) => response.writeHead(302, { location: '/round' }).end())}`,
      }),
    /^cannot download http:.*\/round: it redirects more than 5 times$/,
  ],
  [
    'a source on an unknown host',
    'network',
    () => specOf({ head: 'Source0: http://name.invalid/a.tar.gz' }),
    /^cannot download http:\/\/name\.invalid\/a\.tar\.gz: the host name\.invalid is unknown$/,
  ],
  [
    'a file: URL',
    'network',
    () => specOf({ head: 'Source0: file:///etc/passwd' }),
    /^cannot download file:\/\/\/etc\/passwd: file URLs are not allowed$/,
  ],
  [
    'a syntax error',
    'macros',
    () => 'Name: probe\n%if 1\n',
    /^cannot create the SRPM: rpmbuild -bs exited with code 1: /,
  ],
  [
    'a macro that loops',
    'timeout',
    () => specOf({ head: '%(while :; do sleep 1; done)' }),
    /^the build took longer than its timeout of 5 seconds$/,
    { timeout_seconds: 5 },
  ],
  [
    'a source over the limit of the SRPM',
    'resources',
    () =>
      specOf({ head: `Source0: ${serve('/big', Buffer.alloc(200_000, 'x').toString('base64'))}` }),
    /^the source package has .*, the limit is 1000 bytes$/,
    { limits: { max_srpm_bytes: 1000 } },
  ],
  [
    'a source without end',
    'resources',
    () => specOf({ head: `Source0: ${serve('/endless', endless)}` }),
    /^the build filled its disk of 256 MiB: /,
    { limits: { max_disk_bytes: 256 * 1024 ** 2 } },
  ],
  [
    'a log without end',
    'resources',
    () => specOf({ head: '%(yes >&2)' }),
    /^the build log exceeds the limit of 100000 bytes$/,
    { limits: { max_log_bytes: 100_000 } },
  ],
  [
    'a source whose server does not answer',
    'network',
    () => specOf({ head: `Source0: ${urlOf('').replace(/\d+$/, '1')}/a.tar.gz` }),
    /^cannot download http:.*:1\/a\.tar\.gz: nothing answers at .* port 1$/,
  ],
  [
    'a source at a URL that looks like an option',
    'prep',
    () => specOf({ head: 'Source0: --output=a.tar.gz' }),
    /^cannot create the SRPM: .*Bad file: .*\/--output=a\.tar\.gz: No such file/,
  ],
  [
    'a source that leads out of its folder',
    'prep',
    () => specOf({ head: 'Source0: ../../../etc/passwd' }),
    /^the spec names passwd without a URL/,
  ],
]
for (const [title, category, text, reason, options] of FAILURES)
  test(`a spec with ${title} fails with a reason`, { skip }, async () => {
    const ended = await upload(text(), options)
    assert.equal(ended.outcome.outcome, 'failed', ended.log)
    assert.match(ended.reason, reason, ended.log)
    assert.equal('failure' in ended.outcome && ended.outcome.failure?.category, category)
    assert.deepEqual(ended.context.unclean, [])
  })

test('a spec cannot replace the SRPM or leave a second one', { skip }, async () => {
  const other = '%(cp /bin/sh /builddir/build/SRPMS/other-1-1.src.rpm)'
  assert.match(
    (await upload(specOf({ head: other }))).reason,
    /^more than one source package was made: /,
  )
  const linked = '%(rm -rf /builddir/build/SRPMS; ln -s /etc /builddir/build/SRPMS)'
  const { outcome, reason } = await upload(specOf({ head: linked }))
  assert.equal(outcome.outcome, 'failed')
  assert.match(reason, /SRPMS folder with a link|cannot create the SRPM/)
})

test('a spec is evaluated in the sandbox only', { skip }, async () => {
  const head =
    '%global who %(id -u)\n%global host %(cat /etc/hostname 2>/dev/null; ls /var/tmp | wc -l)'
  const { outcome, log } = await upload(
    `%{echo:user %(id -u) sees %(ls -A /var/tmp | wc -l) files}\n${specOf({ head })}`,
  )
  assert.equal(outcome.outcome, 'succeeded', log)
  assert.match(log, /user 61000 sees [01] files/)
})

for (const [title, source, reason] of [
  [
    'a name that is an option',
    { type: 'upload', file_name: '-x.spec' },
    /^Cannot use the spec file "-x\.spec": rename it/,
  ],
  [
    'a name with a space',
    { type: 'link', url: 'http://192.0.2.1/a%20b.spec' },
    /^Cannot use the spec file "a b\.spec"/,
  ],
  [
    'a name with a slash',
    { type: 'link', url: 'http://192.0.2.1/..%2Fb.spec' },
    /^Cannot use the spec file "\.\.\/b\.spec"/,
  ],
] as [string, SourceTask['source'], RegExp][])
  test(`a spec with ${title} is refused`, { skip }, async () => {
    const task = sourceTask(source) as SpecTask
    const ended = await runSource((_, ...rest) => makeFromSpec(task, ...rest), task)
    assert.match(ended.reason, reason)
  })

test(
  'a linked spec that cannot be downloaded fails the build with a reason, and no password is shown',
  { skip },
  async () => {
    const gone = urlOf('/gone.spec')
    const { reason, log } = await link(gone.replace('//', '//jane:pa55word@'))
    assert.match(
      reason,
      /^The server responded with 404 Not Found for http:\/\/\*\*\*@.*\/gone\.spec$/,
    )
    assert.doesNotMatch(log + reason, /pa55word/)
    assert.match((await link('http://10.1.2.3/a.spec')).reason, /resolves to a private address/)
  },
)

test('a password in the URL of a source is not logged', { skip }, async () => {
  const secret = serve('/secret.tar.gz', 'x').replace('//', '//jane:pa55word@')
  const { outcome, log } = await upload(specOf({ head: `Source0: ${secret}` }))
  assert.equal(outcome.outcome, 'succeeded', log)
  assert.match(log, /Downloading http:\/\/\*\*\*@/)
  assert.doesNotMatch(log, /pa55word/)
})
