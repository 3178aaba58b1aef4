import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { deadline } from '../../testing/suite-pool.ts'
import { ScriptFixture } from '../../testing/script-fixture.ts'

const fixture = new ScriptFixture()
after(() => fixture[Symbol.asyncDispose]())
const owner = { installation_id: 'installation-1', pool: 'lab' }
const path = (name: string, mode = 0o600): string => {
  writeFileSync(join(fixture.dir, name), '#!/bin/sh\n')
  chmodSync(join(fixture.dir, name), mode)
  return join(fixture.dir, name)
}

async function problemsOf(options: object): Promise<Record<string, string>> {
  const findings = await fixture.provider(owner, { ...options }).diagnose?.(deadline())
  const wrong = findings?.flatMap(({ subject, problem }) => (problem ? [[subject, problem]] : []))
  return Object.fromEntries(wrong ?? []) as Record<string, string>
}

test('diagnose() reports no problem if scripts and keys are valid', async () => {
  const ssh = { ssh_key_file: path('key'), ssh_known_hosts_file: path('known') }
  const scripts = { cmd_new: `A=1 ${path('new', 0o755)} --all`, cmd_livecheck: '! false; (exit 0)' }
  assert.deepEqual(await problemsOf({ ...ssh, ...scripts }), {})
})

for (const [what, options, subject, words] of [
  ['a missing script', { cmd_new: '/nowhere/new x' }, 'cmd_new', /\/nowhere\/new: not found/],
  ['a script that is not executable', { cmd_delete: path('plain') }, 'cmd_delete', /chmod|execut/],
  ['a command with a syntax error', { cmd_release: 'if true' }, 'cmd_release', /[Ss]yntax/],
  [
    'a missing key',
    { ssh_key_file: '/nowhere/key' },
    'ssh_key_file',
    /Cannot read the file: ENOENT.*; check its permissions, and its path in pools\.yaml$/,
  ],
  [
    'a key that others may read',
    { ssh_key_file: path('open', 0o644) },
    'ssh_key_file',
    /chmod 600/,
  ],
  [
    'a missing known_hosts file',
    { ssh_known_hosts_file: '/nowhere/known' },
    'ssh_known_hosts_file',
    /Cannot read the file: ENOENT.*; check its permissions, and its path in pools\.yaml$/,
  ],
  [
    'a failing cmd_list',
    { cmd_list: 'echo no >&2; exit 3' },
    'listing',
    /cmd_list exited with 3: no/,
  ],
] as const)
  test(`diagnose() reports ${what}`, async () => {
    const problems = await problemsOf(options)
    assert.deepEqual(Object.keys(problems), [subject])
    assert.match(problems[subject] ?? '', words)
  })
