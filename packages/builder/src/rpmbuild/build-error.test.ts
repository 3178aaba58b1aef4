import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildError } from './build-error.ts'

const END = `RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.vnd2oC (%build)
`

test('buildError() names the failed section, even if other output precedes the message on the same line', () => {
  const line = 'error: Bad exit status from /var/tmp/rpm-tmp.vnd2oC (%build)\n'
  assert.equal(buildError(`+ false\n${line}\n${END}`), ': %build failed')
  assert.equal(buildError(`+ sleep 1+ sleep 1${line}\n`), ': %build failed')
})

test('buildError() names the failed section of the build itself, not of a nested rpmbuild', () => {
  const other = 'error: Bad exit status from /var/tmp/rpm-tmp.other (%prep)\n'
  assert.equal(buildError(`${other}${END}`), ': %build failed')
})

test('buildError() returns the first error of rpm or mock if no section failed', () => {
  assert.equal(
    buildError('warning: x\nerror: line 7: Unknown tag: Foo\nerror: y\n'),
    ': line 7: Unknown tag: Foo',
  )
  assert.equal(buildError('INFO: a\nERROR: Command failed\n'), ': Command failed')
  assert.equal(buildError('nothing wrong\n'), '')
})

test('buildError() includes the unpackaged files that rpm lists', () => {
  const found = 'Installed (but unpackaged) file(s) found:'
  const files = '   /usr/bin/one\n   /usr/share/two\n'
  assert.equal(
    buildError(`error: ${found}\n${files}\n\nRPM build errors:\n    ${found}\n${files}`),
    `: ${found} /usr/bin/one, /usr/share/two`,
  )
  assert.equal(buildError('error: y\n    no list\n'), ': y')
})
