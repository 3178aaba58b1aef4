import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
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
import { type MadeTask, makeFromScript } from '../src/sources/from-script.ts'

useSources()

const SPEC = `cat >probe.spec <<'EOF'\n${specOf({ head: 'Source0: data.txt' })}EOF\necho data >data.txt\n`

interface Settings {
  script: string
  builddeps?: string
  resultdir?: string
  hook_data?: boolean
}

async function custom(
  settings: Settings,
  options: Parameters<typeof sourceTask>[1] & { payload?: string } = {},
) {
  const { payload = '', ...rest } = options
  const upload = join(fixture.dir, 'payload')
  await writeFile(upload, payload)
  const task = sourceTask({ type: 'custom', settings: { ...settings } }, rest) as MadeTask
  return await runSource((_, ...more) => makeFromScript(task, ...more), task, { upload })
}

test('the spec and the sources that a script writes become an SRPM', { skip }, async () => {
  const { outcome, srpm, log } = await custom({ script: `#!/bin/sh -e\n${SPEC}` })
  assert.equal(outcome.outcome, 'succeeded', log)
  assert.deepEqual(srpm && (await contentOf(srpm[1])), {
    nvr: 'probe-1.0-1',
    files: ['data.txt', 'probe.spec'],
  })
})

test(
  'a script can use its build dependencies, the network, the webhook body and a result directory',
  { skip },
  async () => {
    serve('/data.txt', 'from the network')
    const script = `#!/bin/bash
set -ex
git --version
test "$(cat hook_payload)" = '{"a": 1}'
test "$PWD:$USER:$COPR_OWNER:$COPR_PROJECT:$COPR_PACKAGE:$COPR_RESULTDIR" = /workdir:mockbuild:jane:tools:probe:/workdir/out
mkdir out
cd out
${SPEC}curl -fsS -o data.txt ${urlOf('/data.txt')}
ln -s ../hook_payload link.txt
`
    const settings = { script, builddeps: ' git-core  make ', resultdir: 'out/', hook_data: true }
    const { outcome, srpm, log } = await custom(settings, {
      payload: '{"a": 1}',
      package_name: 'probe',
    })
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.ok(srpm)
  },
)

test('a script without an interpreter is run by the shell', { skip }, async () => {
  const { outcome, log } = await custom({ script: SPEC, resultdir: '/workdir/.' })
  assert.equal(outcome.outcome, 'succeeded', log)
})

test(
  'a source that the spec names by URL is downloaded, and an SRPM that the script makes is used unchanged',
  { skip },
  async () => {
    const url = serve('/late.txt', 'late')
    const script = `mkdir a
cat >a/probe.spec <<'EOF'
${specOf({ head: `Source0: ${url}` })}EOF
`
    const first = await custom({ script, resultdir: 'a' })
    assert.equal(first.outcome.outcome, 'succeeded', first.log)
    const srpm = `${script}cd a; rpmbuild -bs --define "_srcrpmdir /workdir/b" --define "_sourcedir $PWD" --define '_disable_source_fetch 0' probe.spec`
    const second = await custom({ script: srpm, resultdir: 'b', builddeps: 'curl' })
    assert.equal(second.outcome.outcome, 'succeeded', second.log)
    assert.deepEqual(second.srpm && (await contentOf(second.srpm[1])), {
      nvr: 'probe-1.0-1',
      files: ['late.txt', 'probe.spec'],
    })
  },
)

const FAILURES: [
  title: string,
  category: FailureCategory,
  settings: Settings,
  reason: RegExp,
  options?: Parameters<typeof custom>[1],
][] = [
  [
    'fails',
    'prep',
    { script: '#!/bin/sh\necho oh no >&2\nexit 3\n' },
    /^the script exited with code 3: oh no$/,
  ],
  [
    'names no interpreter that exists',
    'prep',
    { script: '#!/usr/bin/nothing\n' },
    /^the script exited with code 12[67]: .*not found/,
  ],
  [
    'leaves nothing',
    'prep',
    { script: 'true\n' },
    /^the work directory contains neither a spec file nor a source package$/,
  ],
  [
    'leaves two specs',
    'prep',
    { script: 'touch a.spec b.spec\n' },
    /^the work directory contains 2 spec files instead of one: a\.spec, b\.spec$/,
  ],
  [
    'leaves two SRPMs',
    'prep',
    { script: 'touch a.src.rpm b.src.rpm\n' },
    /^the work directory contains 2 source packages instead of one: a\.src\.rpm, b\.src\.rpm$/,
  ],
  [
    'leaves a file that is no SRPM',
    'verification',
    { script: 'echo x >a.src.rpm\n' },
    /^a\.src\.rpm is not an SRPM: /,
  ],
  [
    'makes no result directory',
    'prep',
    { script: 'true\n', resultdir: 'out' },
    /^the result directory out does not exist$/,
  ],
  [
    'makes its result directory a link',
    'prep',
    { script: 'ln -s /etc out\n', resultdir: 'out' },
    /^the result directory out is a link that leads out of \/workdir$/,
  ],
  [
    'has a result directory outside of the work directory',
    'prep',
    { script: 'true\n', resultdir: '/root' },
    /^the result directory \/root is outside of \/workdir/,
  ],
  [
    'leaves a spec with an odd name',
    'prep',
    { script: "touch -- '-x.spec'\n" },
    /^Cannot use "-x\.spec": rename it/,
  ],
  [
    'forgets a source',
    'prep',
    { script: `${SPEC}rm data.txt\n` },
    /^the spec names data\.txt without a URL, and the source does not contain it/,
  ],
  [
    'requires a package that does not exist',
    'dependency',
    { script: SPEC, builddeps: 'no-such-package' },
    /no-such-package/,
  ],
  [
    'names an option of dnf as a required package',
    'dependency',
    { script: SPEC, builddeps: '--installroot=/' },
    /^Cannot install "--installroot=\/": it is not a package/,
  ],
  [
    'runs too long',
    'timeout',
    { script: 'sleep 1000 & wait\n' },
    /longer than its timeout of 5 seconds$/,
    { timeout_seconds: 5 },
  ],
  [
    'says too much',
    'resources',
    { script: 'yes\n' },
    /log exceeds the limit of 50000 bytes$/,
    { limits: { max_log_bytes: 50_000 } },
  ],
  [
    'fills its disk',
    'resources',
    { script: 'cat /dev/zero >file\n' },
    /^the build filled its disk of 256 MiB: /,
    { limits: { max_disk_bytes: 256 * 1024 ** 2 } },
  ],
  [
    'connects to a private address',
    'prep',
    { script: 'curl -sS http://10.1.2.3/\n' },
    /^the script exited with code 7: curl: \(7\) Failed to connect to 10\.1\.2\.3/,
  ],
  [
    'downloads a file that is not there',
    'prep',
    { script: 'curl -fsSO http://name.invalid/a.tar.gz\n' },
    /^the script exited with code 6: curl: \(6\) Could not resolve host: name\.invalid$/,
  ],
  [
    'follows a redirect to a private address',
    'prep',
    {
      get script() {
        const to = { location: 'http://169.254.169.254/latest/' }
        const url = serve('/inward', (_, response) => response.writeHead(302, to).end())
        return `curl -fsSL ${url}\n`
      },
    },
    /^the script exited with code 7: curl: \(7\) Failed to connect to 169\.254\.169\.254/,
  ],
  [
    'prints a URL with a password',
    'prep',
    { script: 'echo http://jane:pa55word@name.invalid/ >&2\nexit 1\n' },
    /^the script exited with code 1: http:\/\/\*\*\*@name\.invalid\/$/,
  ],
  [
    'has a result directory that looks like an option',
    'prep',
    { script: 'mkdir -- -x\n', resultdir: '-x' },
    /^the result directory -x contains neither a spec file nor a source package$/,
  ],
  [
    'leaves a link to a spec outside of the result directory',
    'prep',
    { script: 'mkdir out\nln -s /etc/no-such.spec out/a.spec\n', resultdir: 'out' },
    /^the result directory out contains neither a spec file nor a source package$/,
  ],
  [
    'leaves a source package that is too big',
    'resources',
    { script: `${SPEC}head -c 100000 /dev/urandom >data.txt\n` },
    /^the source package has .*, the limit is 1000 bytes$/,
    { limits: { max_srpm_bytes: 1000 } },
  ],
]
for (const [title, category, settings, reason, options] of FAILURES)
  test(`a script that ${title} fails with a reason`, { skip }, async () => {
    const ended = await custom(settings, options)
    assert.equal(ended.outcome.outcome, 'failed', ended.log)
    assert.match(ended.reason, reason, ended.log)
    assert.equal('failure' in ended.outcome && ended.outcome.failure?.category, category)
    assert.doesNotMatch(ended.log + ended.reason, /pa55word/)
    assert.deepEqual(ended.context.unclean, [])
  })

test('the repositories configured for a script are used in its chroot', { skip }, async () => {
  const url = serve('/repository/', (_, response) => response.writeHead(404).end())
  const root = {
    chroot: fixture.chroot,
    macros: {},
    repos: [
      {
        id: 'own',
        name: 'own',
        baseurl: url,
        priority: null,
        module_hotfixes: null,
        gpgcheck: false,
        repo_gpgcheck: null,
        gpgkey: null,
        is_external: true,
      },
    ],
  }
  const { reason } = await custom({ script: SPEC }, { root })
  assert.match(
    reason,
    /^Cannot read the repository own \(http:.*\/repository\/?\): the server responded with 404/,
  )
})
