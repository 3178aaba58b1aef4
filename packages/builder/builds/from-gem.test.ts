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
import { makeFromGem } from '../src/sources/from-gem.ts'
import type { MadeTask } from '../src/sources/from-script.ts'

useSources()
const indexes = packageIndexes('/index')
serve('/index', indexes.listener)
after(() => indexes[Symbol.dispose]())

type Options = Parameters<typeof sourceTask>[1]

/** Runs a task for a gem on the test's index. */
async function gem(gem_name: string, index_url = urlOf('/index'), options?: Options) {
  const source = { type: 'rubygems' as const, settings: { gem_name, index_url } }
  const task = sourceTask(source, options) as MadeTask
  return await runSource((_, ...more) => makeFromGem(task, ...more), task)
}

const FILES = { 'lib/shelf.rb': 'module Shelf; end\n', 'README.md': 'Shelf\n' }

test(
  'the newest version of a gem, not counting prereleases, becomes an SRPM',
  { skip },
  async () => {
    for (const version of ['1.9.0', '1.10.0', '2.0.0.rc1'])
      await indexes.addGem({ name: 'shelf', version, files: FILES })
    const { outcome, srpm, log } = await gem('shelf')
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.deepEqual(srpm && (await contentOf(srpm[1])), {
      nvr: 'rubygem-shelf-1.10.0-1',
      files: ['rubygem-shelf.spec', 'shelf-1.10.0.gem'],
    })
  },
)

const infoAt = (name: string, lines: string[]): string => {
  indexes.answer(`/${name}/info/probe`, ['---', ...lines].join('\n'))
  return urlOf(`/index/${name}`)
}
const gemAt = (name: string, body: string, line = '1.0 |ruby:>= 0'): string => {
  indexes.answer(`/${name}/gems/probe-1.0.gem`, body)
  return infoAt(name, [line])
}

const FAILURES: [
  title: string,
  run: () => ReturnType<typeof gem>,
  category: string,
  reason: RegExp,
][] = [
  ['is not on the index', () => gem('nothing'), 'prep', /^RubyGems has no gem nothing$/],
  [
    'exists for other platforms only',
    () => gem('probe', infoAt('java', ['1.0-java |checksum:aa'])),
    'prep',
    /^RubyGems has no version of probe with sources$/,
  ],
  [
    'is listed but cannot be downloaded',
    () => gem('probe', infoAt('gone', ['1.0 |ruby:>= 0'])),
    'network',
    /^The server responded with 404 Not Found for http:.*\/gems\/probe-1\.0\.gem$/,
  ],
  [
    'has another digest than the index says',
    () => gem('probe', gemAt('digest', 'x', `1.0 |checksum:${'a'.repeat(64)},ruby:>= 0`)),
    'verification',
    /^http:.*\/probe-1\.0\.gem has the wrong content: expected sha256 aaaa/,
  ],
  [
    'is no gem',
    () => gem('probe', gemAt('none', 'not a gem')),
    'prep',
    /^generating a spec from probe-1\.0\.gem exited with code 1: /,
  ],
  [
    'is too big',
    () => gem('probe', gemAt('big', 'x'.repeat(2000)), { limits: { max_srpm_bytes: 1000 } }),
    'resources',
    /^http:.*\/probe-1\.0\.gem is larger than the limit of 1000 bytes$/,
  ],
  [
    'is on an index that redirects to a private address',
    () => {
      const url = serve('/inward', (_, response) =>
        response.writeHead(302, { location: 'http://10.1.2.3/' }).end(),
      )
      return gem('probe', url)
    },
    'network',
    /10\.1\.2\.3.*private address/,
  ],
  [
    'is on an index that never answers',
    () =>
      gem(
        'probe',
        serve('/never', () => undefined),
        { timeout_seconds: 3 },
      ),
    'timeout',
    /^the build took longer than its timeout of 3 seconds$/,
  ],
  [
    'has a name that is an option',
    () => gem('--help'),
    'prep',
    /^Cannot use "--help": it is not the name of a gem$/,
  ],
  [
    'has a name that leads elsewhere',
    () => gem('../probe'),
    'prep',
    /^Cannot use "\.\.\/probe": it is not the name of a gem$/,
  ],
  [
    'is on an index with a password that is wrong',
    () => gem('probe', urlOf('/missing').replace('//', '//jane:pa55word@')),
    'prep',
    /^RubyGems has no gem probe$/,
  ],
]
for (const [title, run, category, reason] of FAILURES)
  test(`a gem that ${title} fails with a reason`, { skip }, async () => {
    const ended = await run()
    assert.match(ended.reason, reason, ended.log)
    assert.equal('failure' in ended.outcome && ended.outcome.failure?.category, category)
    assert.doesNotMatch(ended.log + ended.reason, /pa55word/)
    assert.deepEqual(ended.context.unclean, [])
  })

test('the source build of a gem without a license fails with a reason', { skip }, async () => {
  await indexes.addGem({ name: 'unlicensed', version: '1.0', files: FILES, settings: [] })
  const { outcome, reason } = await gem('unlicensed')
  assert.match(reason, /^unlicensed-1\.0\.gem names no license.*\(Empty tag: License\)$/)
  assert.equal('failure' in outcome && outcome.failure?.category, 'prep')
})
