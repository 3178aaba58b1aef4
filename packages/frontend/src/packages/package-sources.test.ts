import { ErrorAnswer } from '@copr/contract/api/lists'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

const CLONE = 'https://git.example.org/lens.git'
const SCRIPT = '#!/bin/sh -x\necho\n'

for (const [what, type, json, want] of [
  [
    'another source type',
    'link',
    { url: CLONE },
    /^400 Unsupported package source type link: .* scm, /,
  ],
  ['a missing URL', 'scm', {}, /^400 clone_url: This field is required/],
  [
    'a host name without a domain',
    'scm',
    { clone_url: 'https://localhost/x.git' },
    /^400 clone_url: must be/,
  ],
  ['a file URL', 'scm', { clone_url: 'file:///etc/passwd' }, /^400 clone_url: must be/],
  ['a URL that runs a command', 'scm', { clone_url: 'ext::sh -c id' }, /^400 clone_url: must be/],
  [
    'a committish that is an option',
    'scm',
    { clone_url: CLONE, committish: '--help' },
    /^400 committish: /,
  ],
  [
    'a subdirectory with ".."',
    'scm',
    { clone_url: CLONE, subdirectory: 'a/../..' },
    /^400 subdirectory: /,
  ],
  ['a spec file without .spec', 'scm', { clone_url: CLONE, spec: 'a.txt' }, /^400 spec: .*\.spec/],
  [
    'an unknown build method',
    'scm',
    { clone_url: CLONE, source_build_method: 'make' },
    /^400 source_build/,
  ],
  ['an unknown SCM', 'scm', { clone_url: CLONE, scm_type: 'cvs' }, /^400 scm_type: /],
  [
    'an unknown instance',
    'distgit',
    { distgit: 'nope' },
    /^400 distgit: DistGit ID must be one of: garden, strict/,
  ],
  [
    'a missing namespace',
    'distgit',
    { distgit: 'strict' },
    /^400 distgit: Can not validate DistGit input: .* strict requires one/,
  ],
  ['a missing name', 'pypi', {}, /^400 pypi_package_name: This field is required/],
  ['a name of 94 characters', 'pypi', { pypi_package_name: 'x'.repeat(94) }, /^400 .*more than 93/],
  [
    'an unknown Python version',
    'pypi',
    { pypi_package_name: 'x', python_versions: ['4'] },
    /^400 python_versions/,
  ],
  [
    'a gem name of 93 characters',
    'rubygems',
    { gem_name: 'x'.repeat(93) },
    /^400 gem_name: .*more than 92/,
  ],
  ['an empty script', 'custom', { script: ' ' }, /^400 script: This field is required/],
  [
    'a script of 4,097 characters',
    'custom',
    { script: 'x'.repeat(4097) },
    /^400 script: .*more than 4096/,
  ],
  [
    'an unknown chroot',
    'custom',
    { script: SCRIPT, chroot: 'fedora-1-x86_64' },
    /^400 chroot: .*active/,
  ],
  [
    'a package name that differs from the path',
    'rubygems',
    { gem_name: 'x', package_name: 'y' },
    /^400 package_name: must be/,
  ],
  [
    'a max_builds of 101',
    'rubygems',
    { gem_name: 'x', max_builds: 101 },
    /^400 max_builds: must be 0 to/,
  ],
  [
    'a timeout beyond the maximum',
    'rubygems',
    { gem_name: 'x', timeout: 108001 },
    /^400 timeout: must be 0 to/,
  ],
  [
    'a denylist with capitals',
    'rubygems',
    { gem_name: 'x', chroot_denylist: 'Fedora' },
    /^400 chroot_denylist: /,
  ],
  [
    'a denylist without matches',
    'rubygems',
    { gem_name: 'x', chroot_denylist: 'suse-*' },
    /^400 chroot_denylist: /,
  ],
] as const)
  test(`package/add/${type} refuses ${what}`, async () => {
    await using t = await openTestFrontend()
    await addTelescope(t)
    const path = `/api_3/package/add/dana/telescope/lenscap/${type}`
    const response = await t.ask(path, { as: 'dana', json })
    const { error } = ErrorAnswer.parse(await response.json())
    assert.match(`${response.status} ${error}`, want)
    assert.deepEqual(await t.db.selectFrom('package').selectAll().execute(), [])
  })
