import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { type MacroFixture, macroFixture, skip } from './testing/macro-fixture.ts'

/** Returns a Python interpreter of this machine that has the modules that the scripts import; undefined if there is none. */
async function findPython(): Promise<string | undefined> {
  const script = 'import sys, tomllib, packaging, pip; print(sys.executable)'
  for (const name of ['/usr/bin/python3', 'python3']) {
    const found = await run(name, ['-c', script])
    if (found.ok) return found.output.trim()
  }
  return undefined
}
const python = await findPython()
const NO_PYTHON = 'needs Python 3.11 with the modules packaging and pip'

suite('python macros of the mini distribution', { skip }, () => {
  let macros: MacroFixture

  before(async () => {
    macros = await macroFixture()
  })
  after(() => macros[Symbol.asyncDispose]())

  const SITELIB = '/usr/lib/python3.11/site-packages'
  // Expansions of Fedora's macros, for a package `python-own` 1.0~rc1 and Python 3.11. Sources come from PyPI.
  const INDEX = 'https://files.pythonhosted.org/packages/source'
  for (const [text, want] of [
    ['%{pypi_source six}', `${INDEX}/s/six/six-1.0rc1.tar.gz`],
    ['%{pypi_source six 1.16.0}', `${INDEX}/s/six/six-1.16.0.tar.gz`],
    ['%{pypi_source six 1.16.0 zip}', `${INDEX}/s/six/six-1.16.0.zip`],
    ['%pypi_source', `${INDEX}/p/python-own/python-own-1.0rc1.tar.gz`],
    ['%global pypi_name own\n%pypi_source', `${INDEX}/o/own/own-1.0rc1.tar.gz`],
    ['%global pypi_name x\n%global srcname Own\n%pypi_source', `${INDEX}/O/Own/Own-1.0rc1.tar.gz`],
    ['%global __pypi_url http://own/\n%{pypi_source six 1}', 'http://own/s/six/six-1.tar.gz'],
    ['%{python3_cache_tag}', 'cpython-311'],
    ['%{python3_sitelib}', SITELIB],
    ['%{py3_shebang_flags}', 'sP'],
    ['%{py3_dist Own_Name.x}', 'python3dist(own-name-x)'],
    ['%{toxenv}', 'py311'],
  ] as const)
    test(`${JSON.stringify(text)} expands to ${want}`, async () => {
      const defines = { name: 'python-own', version: '1.0~rc1' }
      assert.equal(await macros.expand(text, defines), want)
    })

  test('%pyproject_extras_subpkg declares a package for each extra', async () => {
    const defines = { version: '1.0', release: '2', _builddir: '/build' }
    const text = await macros.expand('%pyproject_extras_subpkg -n python3-own -a one,two', defines)
    const lines = text.split('\n').filter((line) => /^[%\w]+:? /.test(line))
    const wanted = ['one', 'two'].flatMap((extra) => [
      `%package -n python3-own+${extra}`,
      `Summary: Metapackage for python3-own: ${extra} extras`,
      'BuildArch: noarch',
      'Requires: python3-own = 1.0-2',
      `%description -n python3-own+${extra}`,
      `%files -n python3-own+${extra} -f /build/pyproject-ghost-distinfo`,
    ])
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('Requires python3-own ')),
      wanted,
    )
    const listed = await macros.expand(
      '%pyproject_extras_subpkg -n python3-own -i /x/* one',
      defines,
    )
    assert.match(listed, /^%files -n python3-own\+one\s+%ghost \/x\/\*$/m)
    assert.doesNotMatch(
      await macros.expand('%pyproject_extras_subpkg -n o -F one', defines),
      /%files/,
    )
  })

  test('%py3_test_envvars points tests to the installed files', async () => {
    const defines = { buildroot: '/made', _builddir: '/build', _smp_build_ncpus: '3' }
    const script = `unset PYTHONPATH PYTEST_ADDOPTS; ${await macros.expand('%py3_test_envvars', defines)} env`
    const lines = (await runOrThrow('bash', ['-c', script])).split('\n')
    for (const want of [
      `PYTHONPATH=/made${SITELIB}`,
      'PYTHONDONTWRITEBYTECODE=1',
      'PYTEST_ADDOPTS= --ignore=/build/.pyproject-builddir',
      'PYTEST_XDIST_AUTO_NUM_WORKERS=3',
    ])
      assert.ok(lines.includes(want), `${want} in ${lines.join('\n')}`)
    assert.ok(lines.some((line) => line.startsWith('PATH=/made/usr/bin:')))
  })

  test('%py3_shebang_fix makes scripts run the interpreter of the distribution', async () => {
    const file = join(macros.dir, 'script')
    for (const [before, want] of [
      ['#!/usr/bin/env python3', '#!/usr/bin/python3 -sP'],
      ['#! /usr/local/bin/python3.9 -u', '#!/usr/bin/python3 -sP'],
      ['#!/bin/sh', '#!/bin/sh'],
    ] as const) {
      await writeFile(file, `${before}\npython\n`)
      await runOrThrow('bash', ['-c', await macros.expand(`%py3_shebang_fix ${file}`)])
      assert.equal(await readFile(file, 'utf8'), `${want}\npython\n`)
    }
  })

  test('%pyproject_wheel passes -C to pip', async () => {
    const text = await macros.expand('%pyproject_wheel -C key=value -Cother=1')
    assert.match(text, / --config-settings=key=value --config-settings=other=1 +\.$/)
  })

  test('%pyproject_buildrequires requires pyproject-rpm-macros where python3-devel is absent', async () => {
    const text = await macros.expand('%pyproject_buildrequires -x test')
    const script = text.replace('/usr/bin/python3-config', join(macros.dir, 'absent'))
    assert.equal(await runOrThrow('bash', ['-e', '-c', script]), 'pyproject-rpm-macros\n')
  })

  const PYPROJECT = `
[build-system]
requires = ["flit_core >= 3"]
build-backend = "backend"
backend-path = ["."]
[project]
name = "own"
version = "1"
dependencies = ["Static.Dep == 1.*"]
[project.optional-dependencies]
test_all = ["extra; python_version > '3'"]
[dependency-groups]
tests = ["grouped ~= 2.1", { include-group = "Lint_it" }, "old; python_version < '3'"]
lint-it = ["lint"]
`
  const BACKEND = `
import os
def get_requires_for_build_wheel(settings=None):
    print('chatter')
    return ['packaging']
def prepare_metadata_for_build_wheel(directory, settings=None):
    os.mkdir(directory + '/own.dist-info')
    with open(directory + '/own.dist-info/METADATA', 'w') as file:
        file.write(f'Name: own\\nRequires-Dist: runtime\\nRequires-Dist: more; extra == "test-all"\\nRequires-Dist: {sorted(settings.items())[0][0]}\\n\\n')
    return 'own.dist-info'
`
  const TOX = `[testenv]
deps =
  py311: mock
  docs-{a,b}: sphinx
  -r requirements.txt
setenv = OWN = 1
commands =
  python -c "import os; print('own', os.environ['OWN'])" {posargs:default}
  - false
`
  const BASE = ['python3dist(packaging)', 'python3dist(pip)']
  const FROM_FILE = '(python3dist(six) >= 1 with python3dist(six) < 2)'
  // flit_core is not installed, so requirements that only this build backend can report are left to the next round.
  const FLIT = 'python3dist(flit-core) >= 3'
  for (const [options, isReady, want] of [
    ['-R', false, [FLIT]],
    [
      '-N -g tests',
      false,
      ['(python3dist(grouped) >= 2.1 with python3dist(grouped) < 3)', 'python3dist(lint)'],
    ],
    ['-N requirements.txt', false, [FROM_FILE]],
    ['-N -t', false, ['python3dist(mock)', FROM_FILE]],
    ['-N -e docs-b', false, ['python3dist(sphinx)', FROM_FILE]],
    ['-p', false, [FLIT, '(python3dist(static-dep) >= 1 with python3dist(static-dep) < 2)']],
    [
      '-p -N -x Test.All',
      false,
      ['(python3dist(static-dep) >= 1 with python3dist(static-dep) < 2)', 'python3dist(extra)'],
    ],
    ['-R', true, [BASE[0]]],
    ['-r -C setting=1', true, [BASE[0], 'python3dist(runtime)', 'python3dist(setting)']],
    [
      '-C setting=1 -x test_all',
      true,
      [BASE[0], 'python3dist(runtime)', 'python3dist(more)', 'python3dist(setting)'],
    ],
  ] as const)
    test(`%pyproject_buildrequires ${options} prints ${want.join(', ')}`, async (t) => {
      if (python === undefined) return t.skip(NO_PYTHON)
      const project = {
        'pyproject.toml': isReady
          ? PYPROJECT.replace('flit_core >= 3', '').replace('[""]', '[]')
          : PYPROJECT,
        'backend.py': BACKEND,
        'tox.ini': TOX,
        'requirements.txt': 'six == 1.* # comment\n--index-url x\n',
      }
      const output = await runIn(project, `%pyproject_buildrequires ${options}`)
      assert.deepEqual(
        output.filter((line) => line !== 'chatter'),
        [...BASE, ...want],
      )
    })

  /** Writes the files into a directory, runs the expansion there with `python`, and returns the lines that it prints to stdout. */
  async function runIn(files: Record<string, string>, text: string): Promise<string[]> {
    const dir = join(macros.dir, 'project')
    await rm(dir, { recursive: true, force: true })
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(dir, name)), { recursive: true })
      await writeFile(join(dir, name), content)
    }
    const defines = {
      __python3: python ?? '',
      buildroot: join(dir, 'root'),
      _builddir: dir,
      _topdir: dir,
    }
    const script = (await macros.expand(text, defines)).replace(
      '/usr/bin/python3-config',
      '/bin/sh',
    )
    const output = await runOrThrow('bash', [
      '-e',
      '-c',
      `cd ${dir}; { ${script}\n} 2>errors || { cat errors; exit 1; }`,
    ])
    return output.split('\n').filter((line) => line !== '')
  }

  test('%tox runs the commands of the tox environment with its variables', async (t) => {
    if (python === undefined) return t.skip(NO_PYTHON)
    assert.deepEqual(await runIn({ 'tox.ini': TOX }, '%tox'), [
      `py311: python -c 'import os; print('"'"'own'"'"', os.environ['"'"'OWN'"'"'])' default`,
      'own 1',
      'py311: false',
    ])
  })

  const INFO = `root${SITELIB}/own-1.dist-info`
  const INSTALLED = {
    [`root${SITELIB}/own/__init__.py`]: '',
    [`root${SITELIB}/own/sub.py`]: 'print("sub")\n',
    [`root${SITELIB}/own/_private.py`]: 'raise SystemExit(1)\n',
    [`root${SITELIB}/single.py`]: '',
    [`root${SITELIB}/space/part/__init__.py`]: '',
    [`${INFO}/METADATA`]: 'Name: own\nLicense-File: LICENSE\n\n',
    [`${INFO}/licenses/LICENSE`]: 'MIT\n',
    'root/usr/bin/own': '',
    'root/usr/share/man/man1/own.1': '',
  }
  const INFO_LINES = [
    `%dir ${SITELIB}/own-1.dist-info`,
    `${SITELIB}/own-1.dist-info/METADATA`,
    `%dir ${SITELIB}/own-1.dist-info/licenses`,
    `%license ${SITELIB}/own-1.dist-info/licenses/LICENSE`,
  ]
  const SINGLE = [
    `${SITELIB}/single.py`,
    `${SITELIB}/__pycache__/single.cpython-311.pyc`,
    `${SITELIB}/__pycache__/single.cpython-311.opt-1.pyc`,
  ]
  for (const [options, want] of [
    ['own', [`${SITELIB}/own`, ...INFO_LINES]],
    ['-l single', [...SINGLE, ...INFO_LINES]],
    [
      '--assert-license "o*" +auto',
      [`${SITELIB}/own`, ...INFO_LINES, '/usr/bin/own', '/usr/share/man/man1/own.1*'],
    ],
    ['space.part', [`%dir ${SITELIB}/space`, `${SITELIB}/space/part`, ...INFO_LINES]],
    ['-M', INFO_LINES],
  ] as const)
    test(`%pyproject_save_files ${options} lists files`, async (t) => {
      if (python === undefined) return t.skip(NO_PYTHON)
      const text = `%pyproject_save_files ${options}\ncat %{pyproject_files}`
      assert.deepEqual(await runIn(INSTALLED, text), want)
    })

  for (const [options, message] of [
    ['absent', /no module absent/],
    ['', /expected the names of modules/],
  ] as const)
    test(`%pyproject_save_files ${options} fails with ${message}`, async (t) => {
      if (python === undefined) return t.skip(NO_PYTHON)
      await assert.rejects(runIn(INSTALLED, `%pyproject_save_files ${options}`), message)
    })

  test('%pyproject_save_files -l fails if no wheel has a license file', async (t) => {
    if (python === undefined) return t.skip(NO_PYTHON)
    const { [`${INFO}/licenses/LICENSE`]: _, ...rest } = INSTALLED
    await assert.rejects(runIn(rest, '%pyproject_save_files -l own'), /no license file in own-1/)
  })

  test('%pyproject_check_import imports all modules that are not private', async (t) => {
    if (python === undefined) return t.skip(NO_PYTHON)
    const saved = '%pyproject_save_files own single\n'
    for (const [options, want] of [
      ['', ['own', 'own.sub', 'sub', 'single']],
      ['-t', ['own', 'single']],
      ["-e '*.sub'", ['own', 'single']],
    ] as const) {
      const lines = await runIn(INSTALLED, `${saved}%pyproject_check_import ${options}`)
      assert.deepEqual(
        lines.map((line) => line.replace('Check import: ', '')),
        want,
      )
    }
  })

  test('%_pyproject_check_import_allow_no_modules imports the modules of a package, and does nothing if there are none', async (t) => {
    if (python === undefined) return t.skip(NO_PYTHON)
    for (const [modules, want] of [
      ['single', ['Check import: single']],
      ['-M', []],
    ] as const) {
      const check = `%pyproject_save_files ${modules}\n%_pyproject_check_import_allow_no_modules -t`
      assert.deepEqual(await runIn(INSTALLED, check), want)
    }
  })

  test('installed Python files are compiled at two optimization levels', async (t) => {
    if (python === undefined) return t.skip(NO_PYTHON)
    await runIn(INSTALLED, '%{__brp_python_bytecompile}')
    const found = await runOrThrow('bash', [
      '-c',
      `cd ${macros.dir}/project/root${SITELIB} && ls __pycache__`,
    ])
    assert.match(found, /^single\.cpython-\d+\.opt-1\.pyc\nsingle\.cpython-\d+\.pyc\n$/)
  })
})
