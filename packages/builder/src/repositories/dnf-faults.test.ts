import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOfDnf, unmetIn } from './dnf-faults.ts'
import type { Repository } from './repository.ts'

function repository(id: string, isOurs: boolean): Repository {
  const config = {
    id,
    name: id,
    baseurl: '',
    priority: null,
    module_hotfixes: null,
    gpgcheck: false,
    repo_gpgcheck: null,
    gpgkey: null,
  }
  return { config, url: '', repomd: '', digest: '', isOurs }
}

test('faultOfDnf() names requirements that no package provides', () => {
  const output =
    'No match for argument: foo\nNo match for argument: bar >= 2\nError: Unable to find a match: foo bar >= 2\n'
  assert.deepEqual(faultOfDnf(output, []), {
    words: 'Packages needed for the build are missing: nothing provides foo, bar >= 2',
    isBuilds: true,
  })
})

test('faultOfDnf() quotes the problem that prevents an installation', () => {
  const output = `Error: \n Problem: conflicting requests\n  - nothing provides libx.so.1 needed by foo-1-1.x86_64 from copr_base\n(try to add '--skip-broken')\n`
  assert.deepEqual(faultOfDnf(output, []), {
    words:
      'Packages needed for the build cannot be installed: nothing provides libx.so.1 needed by foo-1-1.x86_64 from copr_base',
    isBuilds: true,
  })
})

test('faultOfDnf() lists missing packages before packages that cannot be installed', () => {
  const output = `No match for argument: foo
Error:
 Problem 1: conflicting requests
  - nothing provides (a or b)
 Problem 2: package left-1-1.noarch from x conflicts with right provided by right-1-1.noarch from x
  - conflicting requests
 Problem 3: the build requires broken, but none of the providers can be installed
  - nothing provides liby.so needed by broken-1-1.noarch from x
`
  assert.deepEqual(faultOfDnf(output, []), {
    words:
      'Packages needed for the build are missing: nothing provides foo, (a or b); others cannot be installed: ' +
      'package left-1-1.noarch from x conflicts with right provided by right-1-1.noarch from x; ' +
      'the build requires broken, but none of the providers can be installed; ' +
      'nothing provides liby.so needed by broken-1-1.noarch from x',
    isBuilds: true,
  })
})

test("faultOfDnf() quotes rpm's check of the transaction that dnf has resolved", () => {
  const output =
    'Error: transaction check vs depsolve:\n(a unless b) is needed by the build\nTo diagnose\n'
  assert.deepEqual(faultOfDnf(output, []), {
    words: 'Packages needed for the build cannot be installed: (a unless b) is needed by the build',
    isBuilds: true,
  })
})

test('faultOfDnf() shortens long names and long lists', () => {
  const lines = (names: string[]): string =>
    names.map((one) => `  - nothing provides ${one}\n`).join('')
  assert.equal(
    faultOfDnf(lines(['x'.repeat(60_000)]), []).words,
    `Packages needed for the build are missing: nothing provides ${'x'.repeat(200)}…`,
  )
  const many = faultOfDnf(lines(Array.from({ length: 5000 }, (_, i) => `gone(${i})`)), []).words
  assert.match(many, /nothing provides gone\(0\), gone\(1\), .* and 4\d\d\d more$/)
  assert.ok(many.length < 1500)
})

test('faultOfDnf() blames the build for a broken user repository, but not for a broken system repository', () => {
  const output = "Error: Failed to download metadata for repo 'extra': Cannot download repomd.xml"
  assert.equal(faultOfDnf(output, [repository('extra', false)]).isBuilds, true)
  assert.equal(faultOfDnf(output, [repository('extra', true)]).isBuilds, false)
})

for (const line of [
  '  installing package gcc-12-1.x86_64 needs 53MB more space on the / filesystem',
  '  installing package gcc-12-1.x86_64 needs 300 more inodes on the / filesystem',
  '   At least 12MB more space needed on the / filesystem.',
])
  test(`faultOfDnf() recognizes a full disk: ${line.trim()}`, () => {
    const fault = faultOfDnf(`Error: Transaction test error:\n${line}\n\n`, [])
    assert.equal(fault.code, 'ENOSPC')
    assert.match(fault.words, /^Packages needed for the build do not fit: .* filesystem/)
  })

test('unmetIn() returns each unmet requirement once, including those of packages that the build needs', () => {
  const output = `No match for argument: foo
Error: 
 Problem 1: conflicting requests
  - nothing provides bar >= 2 needed by baz-1-1.noarch from copr_base
  - nothing provides (a or b) needed by requirements-1-1.noarch
 Problem 2: package x-1-1.noarch requires y, but none of the providers can be installed
  - nothing provides perl(Foo)
  - nothing provides bar >= 2 needed by other-1-1.noarch from copr_base
`
  assert.deepEqual(unmetIn(output), ['foo', 'perl(Foo)', 'bar >= 2', '(a or b)'])
})
