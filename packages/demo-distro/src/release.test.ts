import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extraLinks } from './release.ts'

const RELEASE = { id: 'debian', version: '12', python: '3.11', perl: '5.36.0', automake: '1.16', lua: '5.4', ruby: '3.1', rpm: '4.18' } // prettier-ignore

// Links that have Fedora's names for files and that Debian's packages lack.
for (const [name, link, target] of [
  ['cmake', '/usr/bin/cmake3', 'cmake'],
  ['python3-sphinx', '/usr/bin/sphinx-build-3', 'sphinx-build'],
  ['python3-sphinx', '/usr/bin/sphinx-build-3.11', 'sphinx-build'],
  ['liblua5.4-dev', '/usr/include/lua.h', 'lua5.4/lua.h'],
] as const)
  test(`extraLinks() gives ${name} its name ${link}`, () =>
    assert.equal(extraLinks(RELEASE)[name]?.[link], target))
