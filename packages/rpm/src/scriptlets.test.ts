import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readRpmHeader } from './header.ts'
import { scriptletsOf } from './scriptlets.ts'
import { missingTools, temporaryDirectory } from './testing/real-rpm.ts'

const SPEC = `Name: scripts
Version: 1
Release: 1
Summary: x
License: MIT
BuildArch: noarch
%description
x
%pre
echo pre
%post -e
echo %%{_libdir}
%preun -p <lua>
print("preun")
%postun -p /sbin/ldconfig
%pretrans -p "/bin/bash -u"
echo pretrans
%posttrans
echo posttrans
%verifyscript
echo verify
%triggerin -- bash
echo trigger
%filetriggerin -p /usr/bin/perl -- /usr/share
print 1;
%transfiletriggerin -- /usr/share
echo transfiletrigger
%files
`

test(
  'scriptletsOf() reads the scriptlets and triggers of a package made by rpmbuild',
  { skip: missingTools('rpmbuild') },
  async () => {
    await using dir = await temporaryDirectory()
    const spec = join(dir.path, 'scripts.spec')
    writeFileSync(spec, SPEC)
    const defines = [`_topdir ${dir.path}`, `_rpmdir ${dir.path}`, '_rpmfilename out.rpm']
    const options = defines.flatMap((define) => ['--define', define])
    execFileSync('rpmbuild', ['-bb', '--nodeps', ...options, spec], { stdio: 'pipe' })
    const { header } = await readRpmHeader(join(dir.path, 'out.rpm'))
    assert.deepEqual(
      scriptletsOf(header).map(({ section, interpreter, text, isExpandedAtInstall }) =>
        [section, interpreter, text.trim(), isExpandedAtInstall ? 'expanded' : ''].join('|'),
      ),
      [
        '%pre|/bin/sh|echo pre|',
        '%post|/bin/sh|echo %{_libdir}|expanded',
        '%preun|<lua>|print("preun")|',
        '%pretrans|/bin/bash|echo pretrans|',
        '%posttrans|/bin/sh|echo posttrans|',
        '%verifyscript|/bin/sh|echo verify|',
        '%trigger|/bin/sh|echo trigger|',
        '%filetrigger|/usr/bin/perl|print 1;|',
        '%transfiletrigger|/bin/sh|echo transfiletrigger|',
      ],
    )
  },
)
