import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceNameFault } from './source-name.ts'

const SAFE = [
  'hello-1.0.tar.gz',
  '.clang-format',
  '.rpmlint',
  '.env',
  '.gitignore',
  '.gitattributes',
  '.github',
  '...',
  'a..b',
  'a b',
  'a\\b',
  'foo.git',
  'd\u00e9j\u00e0.txt',
]
const GIT = /is one that git reserves/
const REFUSED: [name: string, fault: RegExp][] = [
  ['', /is empty/],
  ['.', /is that of a directory/],
  ['..', /is that of a directory/],
  ['../a', /contains '\/'/],
  ['/a', /contains '\/'/],
  ['a/b', /contains '\/'/],
  ['a\0b', /control character/],
  ['a\nb', /control character/],
  ['a\u009bb', /control character/],
  ['a\ufffdb', /not valid UTF-8/],
  ['-rf', /starts with '-'/],
  ['a'.repeat(256), /longer than 255 bytes/],
  ['\u00e9'.repeat(128), /longer than 255 bytes/],
  ...[
    '.git',
    '.GIT',
    '.Git',
    '.git ',
    '.git.',
    '.git. .',
    'git~1',
    'GIT~1',
    'git~1 ',
    '.g\u200cit',
    '\ufeff.git',
    '.git::$INDEX_ALLOCATION',
    '.git:a',
    'a\\.git',
    '.git\\a',
  ].map((name): [string, RegExp] => [name, GIT]),
]

for (const name of SAFE)
  test(`sourceNameFault() accepts ${JSON.stringify(name)}`, () =>
    assert.equal(sourceNameFault(name), undefined))

for (const [name, fault] of REFUSED)
  test(`sourceNameFault() refuses ${JSON.stringify(name.slice(0, 40))}`, () =>
    assert.match(sourceNameFault(name) ?? '', fault))
