import assert from 'node:assert/strict'
import { glob, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { writeExtraFiles } from './own-packages.ts'

const PYTHON = '/usr/bin/python3'
const found = await run(PYTHON, [
  '-c',
  'import sys, distutils, setuptools; print("%d.%d" % sys.version_info[:2])',
])
const skip = found.ok ? false : "needs Debian's python3 with setuptools"
const version = found.ok ? found.output.trim().split('\n').at(-1) : '3'

suite('layout of Python packages', { skip }, () => {
  let dir: string
  let modules: string

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'copr-layout-'))
    const release = { id: 'debian', version: '12', python: version, perl: undefined, automake: undefined, lua: undefined, ruby: undefined, rpm: '4.18' } // prettier-ignore
    await writeExtraFiles(dir, release)
    modules = join(dir, 'usr/lib/python3/dist-packages')
    await writeFile(join(dir, 'own.py'), '#!/usr/bin/python3\n')
  })
  after(() => rm(dir, { recursive: true }))

  // Specs older than Fedora's pyproject-rpm-macros call setup.py without a prefix, because Fedora's Python installs into /usr during
  // package builds.
  for (const module of ['setuptools', 'distutils.core'])
    for (const distutils of ['local', 'stdlib'])
      test(`setup.py install of ${module} with the ${distutils} distutils installs into /usr`, async () => {
        await writeFile(
          join(dir, 'setup.py'),
          `from ${module} import setup\nsetup(name="own", version="1", py_modules=["own"], scripts=["own.py"])\n`,
        )
        const root = join(dir, `root-${module}-${distutils}`)
        const script = `
import site, sys
site.addsitedir('${modules}')
sys.argv = ['setup.py', 'install', '--root', '${root}']
exec(open('setup.py').read())`
        await runOrThrow(PYTHON, ['-c', script], {
          cwd: dir,
          env: { RPM_BUILD_ROOT: root, SETUPTOOLS_USE_DISTUTILS: distutils, HOME: dir },
        })
        const files = await Array.fromAsync(glob('**/own.py', { cwd: root }))
        assert.deepEqual(files.toSorted(), [
          'usr/bin/own.py',
          `usr/lib/python${version}/site-packages/own.py`,
        ])
      })
})
