import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMadeInRoot } from './made-sources.ts'

for (const [type, json, want] of [
  ['link', { url: 'https://a.example/x.src.rpm' }, false],
  ['link', { url: 'https://a.example/x.spec/y.nosrc.rpm' }, false],
  ['link', { url: 'https://a.example/x.SPEC?raw=1#top' }, true],
  ['link', {}, false],
  ['upload', { pkg: 'x.src.rpm' }, false],
  ['upload', { pkg: 'x.spec' }, true],
  ['upload', {}, false],
  ['scm', {}, true],
] as const)
  test(`isMadeInRoot(${type}, ${JSON.stringify(json)}) is ${want}`, () =>
    assert.equal(isMadeInRoot(type, json), want))
