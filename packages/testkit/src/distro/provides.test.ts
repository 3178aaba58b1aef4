import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergedPath, isLeftOut } from './file-tree.ts'
import { parsePackageList } from './list.ts'
import { pkgConfigProvide, pythonProvides } from './provides.ts'
import { renderFileList } from './spec.ts'

test('parsePackageList() reads names, aliases and the build root', () => {
  assert.deepEqual(
    parsePackageList('# text\n* g++ gcc-c++ c++ # compiler\nlibxml2\nperl = perl-devel\n'),
    [
      { debianName: 'g++', rpmName: 'gcc-c++', provides: ['c++'], inBuildRoot: true },
      { debianName: 'libxml2', rpmName: 'libxml2', provides: [], inBuildRoot: false },
      { debianName: 'perl', rpmName: 'perl', provides: ['perl-devel'], inBuildRoot: false },
    ],
  )
})

test('pkgConfigProvide() fills in variables', () => {
  const text = 'prefix=/usr\nmajor=1\nfull=${major}.2\nName: x\nVersion: ${full}\n'
  assert.deepEqual(pkgConfigProvide('/usr/lib/pkgconfig/x.pc', text), ['pkgconfig(x) = 1.2'])
})

test('pythonProvides() normalizes the name and drops zeros at the end', () => {
  const text = 'Metadata-Version: 2.1\nName: Flit_Core\nVersion: 3.8.0\n'
  assert.deepEqual(pythonProvides('x', text), [
    'python3dist(flit-core) = 3.8',
    'python3.11dist(flit-core) = 3.8',
  ])
})

test('mergedPath() moves what was outside /usr', () => {
  assert.deepEqual(['/bin/ls', '/lib64/ld.so', '/library', '/lib'].map(mergedPath), [
    '/usr/bin/ls',
    '/usr/lib64/ld.so',
    '/library',
    '/usr/lib',
  ])
})

test('isLeftOut() knows documentation from data', () => {
  assert.deepEqual(['/usr/share/doc/x', '/usr/share/docbook/x', '/usr/share/man'].map(isLeftOut), [
    true,
    false,
    true,
  ])
})

test('renderFileList() survives names that rpmbuild would expand', () => {
  const files = ['/usr/bin/[', '/a/b[c]d', '/a/100%'].map((path) => ({
    path,
    kind: 'file' as const,
  }))
  assert.equal(renderFileList(files), '"/usr/bin/["\n"/a/b?c?d"\n"/a/100%%"\n')
})
