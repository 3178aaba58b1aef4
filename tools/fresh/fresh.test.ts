import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codenameOf, parseArchives, sourcesFor, transportOptions } from './apt-settings.ts'
import { comparePackages } from './package-lists.ts'
import { parseRegistry, proxySettings } from './user-settings.ts'

const ARCHIVES = [
  { uri: 'http://mirror.example.org/security', suite: 'bookworm-security' },
  { uri: 'http://mirror.example.org/debian', suite: 'bookworm-updates' },
  { uri: 'http://mirror.example.org/debian', suite: 'bookworm' },
]

test('sourcesFor() uses the mirrors of this machine for another Debian release, with the main mirror first', () => {
  const settings = { codename: 'bookworm', archives: ARCHIVES, options: [] }
  assert.deepEqual(sourcesFor(settings, 'trixie'), [
    { uri: 'http://mirror.example.org/debian', suite: 'trixie' },
    { uri: 'http://mirror.example.org/debian', suite: 'trixie-updates' },
    { uri: 'http://mirror.example.org/security', suite: 'trixie-security' },
  ])
})

test('sourcesFor() omits third-party archives, and all archives if the machine does not run Debian', () => {
  const others = [{ uri: 'http://packages.example.org', suite: 'stable' }]
  assert.deepEqual(
    sourcesFor({ codename: 'bookworm', archives: others, options: [] }, 'trixie'),
    [],
  )
  assert.deepEqual(
    sourcesFor({ codename: undefined, archives: ARCHIVES, options: [] }, 'trixie'),
    [],
  )
})

for (const [osRelease, codename] of [
  ['ID=debian\nVERSION_CODENAME=trixie\n', 'trixie'],
  ['ID="debian"\nVERSION_CODENAME="bookworm"\n', 'bookworm'],
  ['ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n', undefined],
  ['ID=fedora\n', undefined],
] as const)
  test(`codenameOf(${JSON.stringify(osRelease)}) is ${codename}`, () =>
    assert.equal(codenameOf(osRelease), codename))

test('parseArchives() returns only the archives of the component main', () => {
  const output = [
    'http://mirror.example.org/debian/ bookworm main',
    'http://mirror.example.org/debian/ bookworm contrib',
    '',
  ].join('\n')
  assert.deepEqual(parseArchives(output), [
    { uri: 'http://mirror.example.org/debian', suite: 'bookworm' },
  ])
})

test('transportOptions() returns only the proxies and date checks in the output of apt-config', () => {
  const dump = [
    'APT::Architecture "amd64";',
    'Acquire "";',
    'Acquire::http "";',
    'Acquire::http::Proxy "http://proxy.example.org:3128";',
    'Acquire::Check-Valid-Until "false";',
    'Acquire::Languages "none";',
  ].join('\n')
  assert.deepEqual(transportOptions(dump), [
    'Acquire::http::Proxy "http://proxy.example.org:3128";',
    'Acquire::Check-Valid-Until "false";',
  ])
})

test('proxySettings() returns only the proxies in the environment', () => {
  const env = {
    HOME: '/home/dana',
    https_proxy: 'http://p:1',
    NO_PROXY: 'localhost',
    http_proxy: '',
  }
  assert.deepEqual(proxySettings(env), { https_proxy: 'http://p:1', NO_PROXY: 'localhost' })
})

test('parseRegistry() returns a registry only if npm is configured with one', () => {
  const given = '; "user" config from /root/.npmrc\n\nregistry = "https://npm.example.org/"\n'
  assert.deepEqual(parseRegistry(given), { npm_config_registry: 'https://npm.example.org/' })
  assert.deepEqual(parseRegistry('; node version = v20\nfund = false\n'), {})
})

test('comparePackages() marks removed, added and changed packages', () => {
  assert.deepEqual(
    comparePackages(['git\t2.1', 'make\t4.3'], ['dnf\t4.14', 'git\t2.2', 'make\t4.3']),
    ['- git\t2.1', '+ dnf\t4.14', '+ git\t2.2'],
  )
})
