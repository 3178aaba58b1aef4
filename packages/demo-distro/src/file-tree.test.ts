import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLeftOut } from './file-tree.ts'

for (const [path, want] of [
  ['/usr/share/doc/own/README', true],
  ['/usr/share/perl/5.36.0/Own.pod', true],
  // Perl's `use diagnostics` reads this file
  ['/usr/share/perl/5.36.0/pod/perldiag.pod', false],
  ['/usr/bin/own', false],
] as const)
  test(`the mini distribution ${want ? 'leaves out' : 'keeps'} ${path}`, () =>
    assert.equal(isLeftOut(path), want))
