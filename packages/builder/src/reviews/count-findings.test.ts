import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Review } from '@copr/contract/builder-protocol'
import { countFindings } from './count-findings.ts'

const REVIEW = `Issues:
=======
- If (and only if) the source package includes the text of the license(s)

===== MUST items =====

Generic:
[x]: Package is licensed with an open-source compatible license
[!]: Package does not own files or directories owned by other packages.
[!]: Package requires other packages for directories it uses.
     Note: [!]: in a note
[-]: Static libraries in -static or -devel subpackage

===== SHOULD items =====

Generic:
[!]: Uses parallel make %{?_smp_mflags} macro.
[?]: %check is present and all tests pass.

===== EXTRA items =====

[!]: Spec file according to URL is the same as in SRPM.
`

const CASES: [Review, string][] = [
  [
    { tool: 'rpmlint', errors: 8, warnings: 7 },
    ' 2 packages and 1 specfiles checked; 8 errors, 7 warnings, 8 badness; has taken 1.3 s \n',
  ],
  [
    { tool: 'rpmlint', errors: 1, warnings: 0 },
    'a.noarch: E: no\n3 packages and 0 specfiles checked; 1 errors, 0 warnings.\n',
  ],
  [
    { tool: 'rpmlint', errors: 2, warnings: 3 },
    'a.noarch: W: text 1 packages checked; 9 errors, 9 warnings\n1 packages and 0 specfiles checked; 2 errors, 3 warnings.\n',
  ],
  [{ tool: 'rpmlint', errors: 0, warnings: 0 }, ''],
  [{ tool: 'fedora-review', errors: 2, warnings: 2 }, REVIEW],
  [{ tool: 'fedora-review', errors: 1, warnings: 0 }, '[!]: Something\n'],
]
for (const [want, report] of CASES)
  test(`countFindings() finds ${want.errors} errors and ${want.warnings} warnings of ${want.tool}`, () =>
    assert.deepEqual(countFindings(want.tool, report), want))
