import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { sourcesOfList, sourcesOfStanzas } from './debian-source.ts'
import { makeExampleSrpm } from '@copr/demo-distro/example/example'
import { fetchSample, SAMPLES } from './fetch-sample.ts'

const CACHE = '/var/tmp/copr-test-cache'
const skip = (await run('sh', ['-c', 'command -v rpmbuild'])).ok ? false : 'needs rpmbuild'

test('sourcesOfStanzas() keeps only archives of Debian, without security updates', () => {
  const debian =
    'Types: deb\nURIs: http://mirror.example.org/debian\nSuites: bookworm\nComponents: main'
  const security = debian.replace('/debian\n', '/debian-security\n')
  const other = 'Types: deb\nURIs: https://deb.example.org/\nSuites: x'
  assert.equal(
    sourcesOfStanzas([debian, security, other].join('\n\n')),
    'Types: deb-src\nURIs: http://mirror.example.org/debian\nSuites: bookworm\nComponents: main\n',
  )
})

test('sourcesOfList() keeps only archives of Debian in one-line lists', () => {
  const text =
    '# x\ndeb http://mirror.example.org/debian bookworm main\ndeb http://security.example.org/debian-security x main\n'
  assert.equal(sourcesOfList(text), 'deb-src http://mirror.example.org/debian bookworm main\n')
})

test('there is a spec for every sample', async () => {
  const specs = await readdir(new URL('specs/', import.meta.url))
  assert.deepEqual(
    specs.toSorted(),
    Object.keys(SAMPLES)
      .map((name) => `${name}.spec`)
      .toSorted(),
  )
})

test('makeExampleSrpm() builds the SRPM once', { skip }, async () => {
  const [first, second] = await Promise.all([makeExampleSrpm(CACHE), makeExampleSrpm(CACHE)])
  assert.equal(first, second)
  assert.equal(await runOrThrow('rpm', ['-qp', '--qf', '%{NAME}', first]), 'hello-copr')
})

test(
  'fetchSample() builds an SRPM without a download if there is no upstream',
  { skip },
  async () => {
    const srpm = await fetchSample('failing-check', CACHE)
    assert.match(await runOrThrow('rpm', ['-qpl', srpm]), /failing-check\.spec/)
  },
)
