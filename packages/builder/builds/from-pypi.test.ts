import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { packageIndexes } from '@copr/testkit/sources/package-indexes'
import {
  contentOf,
  runSource,
  serve,
  skip,
  sourceTask,
  urlOf,
  useSources,
} from '../src/testing/source-suite.ts'
import { makeFromPypi } from '../src/sources/from-pypi.ts'
import type { MadeTask } from '../src/sources/from-script.ts'

useSources()
const indexes = packageIndexes('/index')
serve('/index', indexes.listener)
after(() => indexes[Symbol.dispose]())

type Options = Parameters<typeof sourceTask>[1]

/** Runs a task for a project on the test's index. */
async function pypi(settings: Record<string, unknown>, options?: Options) {
  const defaults = {
    spec_generator: 'pyp2spec',
    python_versions: ['3'],
    index_url: urlOf('/index'),
  }
  const task = sourceTask(
    { type: 'pypi', settings: { ...defaults, ...settings } },
    options,
  ) as MadeTask
  return await runSource((_, ...more) => makeFromPypi(task, ...more), task)
}

test('pyp2spec makes an SRPM of the newest version, or of a given one', { skip }, async () => {
  await indexes.addProject({ name: 'shelf', version: '1.0' })
  await indexes.addProject({ name: 'shelf', version: '1.2' })
  for (const [wanted, version] of [
    [null, '1.2'],
    ['1.0', '1.0'],
  ]) {
    const ended = await pypi({ pypi_package_name: 'Shelf', pypi_package_version: wanted })
    assert.equal(ended.outcome.outcome, 'succeeded', ended.log)
    assert.deepEqual(ended.srpm && (await contentOf(ended.srpm[1])), {
      nvr: `python-shelf-${version}-1`,
      files: ['python-shelf.spec', `shelf-${version}.tar.gz`],
    })
  }
})

test(
  'pyp2rpm makes an SRPM with the requested template, for Python 3 by default',
  { skip },
  async () => {
    await indexes.addProject({ name: 'shelf-rpm', version: '2.0' })
    const ended = await pypi({
      pypi_package_name: 'shelf-rpm',
      spec_generator: 'pyp2rpm',
      spec_template: 'fedora',
    })
    assert.equal(ended.outcome.outcome, 'succeeded', ended.log)
    assert.deepEqual(ended.srpm && (await contentOf(ended.srpm[1])), {
      nvr: 'python-shelf-rpm-2.0-1',
      files: ['python-shelf-rpm.spec', 'shelf_rpm-2.0.tar.gz'],
    })
    assert.match(ended.log, /\$ pyp2rpm -t fedora -s -d \/workdir -b 3 -v 2\.0 shelf-rpm/)
  },
)

test(
  'archives are downloaded with the password of the index, but the sandbox never gets the password',
  { skip },
  async () => {
    using guarded = packageIndexes('/guarded')
    await guarded.addProject({ name: 'guarded', version: '1.0' })
    const refused: string[] = []
    const url = serve('/guarded', (request, response) => {
      const isOpen = request.headers.authorization === `Basic ${btoa('jane:pa55word')}`
      if (isOpen) return guarded.listener(request, response)
      refused.push(request.url ?? '')
      return response.writeHead(401).end()
    })
    const index_url = url.replace('//', '//jane:pa55word@')
    const { outcome, log } = await pypi({ pypi_package_name: 'guarded', index_url })
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.doesNotMatch(log, /pa55word/)
    assert.ok(refused.length > 0 && refused.every((path) => /\.whl(\.metadata)?$/.test(path)), log)
  },
)

const indexWith = (url: string, head: Record<string, unknown> = {}): string => {
  const name = `index-${url.replaceAll(/\W/g, '-')}`
  const urls = [{ packagetype: 'sdist', filename: 'probe-1.0.tar.gz', url, ...head }]
  indexes.answer(`/${name}/pypi/probe/json`, JSON.stringify({ info: { version: '1.0' }, urls }))
  return urlOf(`/index/${name}`)
}

const PROJECT = { pypi_package_name: 'probe' }
const FAILURES: [
  title: string,
  settings: () => Record<string, unknown>,
  category: string,
  reason: RegExp,
  options?: Options,
][] = [
  [
    'is not on the index',
    () => ({ pypi_package_name: 'nothing' }),
    'prep',
    /^PyPI has no project nothing$/,
  ],
  [
    'has no such version',
    () => ({ pypi_package_name: 'shelf', pypi_package_version: '9.9' }),
    'prep',
    /^PyPI has no version 9\.9 of shelf: the newest is 1\.2$/,
  ],
  [
    'has only wheels',
    () => ({ ...PROJECT, index_url: indexWith('http://x/a.whl', { packagetype: 'bdist_wheel' }) }),
    'prep',
    /^probe 1\.0 has no source archive \(sdist\) on PyPI/,
  ],
  [
    'has an archive with another digest',
    () => {
      const url = serve('/other.tar.gz', 'other')
      return { ...PROJECT, index_url: indexWith(url, { digests: { sha256: 'a'.repeat(64) } }) }
    },
    'verification',
    /^http:.*\/other\.tar\.gz has the wrong content: expected sha256 aaaa/,
  ],
  [
    'has an archive whose name leads elsewhere',
    () => ({ ...PROJECT, index_url: indexWith('http://x/b', { filename: '../b.tar.gz' }) }),
    'verification',
    /^Cannot use the archive "\.\.\/b\.tar\.gz" of the index: /,
  ],
  [
    'has an archive that is gone',
    () => ({ ...PROJECT, index_url: indexWith(urlOf('/gone.tar.gz')) }),
    'network',
    /^The server responded with 404 Not Found for http:.*\/gone\.tar\.gz$/,
  ],
  [
    'has an archive at a file: URL',
    () => ({ ...PROJECT, index_url: indexWith('file:///etc/passwd') }),
    'network',
    /file:\/\/\/etc\/passwd/,
  ],
  [
    'has an archive that redirects to a private address',
    () => {
      const url = serve('/inward.tar.gz', (_, response) =>
        response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end(),
      )
      return { ...PROJECT, index_url: indexWith(url) }
    },
    'network',
    /^http:\/\/169\.254\.169\.254\/latest\/ .*private address/,
  ],
  [
    'has an archive that is too big',
    () => ({ ...PROJECT, index_url: indexWith(serve('/big.tar.gz', 'x'.repeat(2000))) }),
    'resources',
    /^http:.*\/big\.tar\.gz is larger than the limit of 1000 bytes$/,
    { limits: { max_srpm_bytes: 1000 } },
  ],
  [
    'has an archive that never arrives',
    () => ({ ...PROJECT, index_url: indexWith(serve('/slow.tar.gz', () => undefined)) }),
    'timeout',
    /^the build took longer than its timeout of 3 seconds$/,
    { timeout_seconds: 3 },
  ],
  [
    'is on an index that nobody knows',
    () => ({ ...PROJECT, index_url: 'http://name.invalid' }),
    'network',
    /^the host of http:\/\/name\.invalid\/pypi\/probe\/json is unknown$/,
  ],
  [
    'is on an index that does not answer',
    () => ({ ...PROJECT, index_url: urlOf('').replace(/\d+$/, '1') }),
    'network',
    /^http:.*:1\/pypi\/probe\/json cannot be reached: .*ECONNREFUSED/,
  ],
  [
    'is on an index with a password that is wrong',
    () => ({ ...PROJECT, index_url: urlOf('/missing').replace('//', '//jane:pa55word@') }),
    'prep',
    /^PyPI has no project probe$/,
  ],
  [
    'is on an index at a private address',
    () => ({ ...PROJECT, index_url: 'http://10.1.2.3' }),
    'network',
    /10\.1\.2\.3.*private address/,
  ],
  [
    'is on a server that is no index',
    () => {
      indexes.answer('/page/pypi/probe/json', '<html>')
      return { ...PROJECT, index_url: urlOf('/index/page') }
    },
    'network',
    /^the index does not describe probe as PyPI does$/,
  ],
  [
    'has a name that is an option',
    () => ({ pypi_package_name: '--help' }),
    'prep',
    /^Cannot use "--help": it is not the name of a project on PyPI$/,
  ],
  [
    'has a version that is an option',
    () => ({ ...PROJECT, pypi_package_version: '-rfile' }),
    'prep',
    /^Cannot use "-rfile": it is not a version$/,
  ],
  [
    'has a Python version that is an option',
    () => ({ pypi_package_name: 'shelf', spec_generator: 'pyp2rpm', python_versions: ['--help'] }),
    'prep',
    /^Cannot use "--help": it is not a version of Python$/,
  ],
]
for (const [title, settings, category, reason, options] of FAILURES)
  test(`a PyPI project that ${title} fails with a reason`, { skip }, async () => {
    const ended = await pypi(settings(), options)
    assert.match(ended.reason, reason, ended.log)
    assert.equal('failure' in ended.outcome && ended.outcome.failure?.category, category)
    assert.doesNotMatch(ended.log + ended.reason, /pa55word/)
    assert.deepEqual(ended.context.unclean, [])
  })
