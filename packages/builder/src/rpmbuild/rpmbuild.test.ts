import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingSources } from './rpmbuild.ts'

const line = (path: string): string => `error: Bad file: ${path}: No such file or directory\n`
const FOLDER = '/builddir/build/SOURCES'

const OUTPUTS: [title: string, output: string, names: string[]][] = [
  ['no messages', '', []],
  ['one file, which rpm names twice', line(`${FOLDER}/a`) + `    ${line(`${FOLDER}/a`)}`, ['a']],
  ['two files', line(`${FOLDER}/a b`) + line(`${FOLDER}/.c`), ['a b', '.c']],
  ['a file elsewhere', line('/etc/passwd'), []],
  ['a path that leads up', line(`${FOLDER}/../SPECS/a.spec`), []],
  ['a folder', line(`${FOLDER}/a/b`), []],
  ['the folder itself', line(`${FOLDER}/`), []],
  ['an option', line(`${FOLDER}/-rf`), []],
  ['another error', `error: Bad file: ${FOLDER}/a: Permission denied\n`, []],
]
for (const [title, output, names] of OUTPUTS)
  test(`missingSources() of an output with ${title}`, () =>
    assert.deepEqual(missingSources(output), names))
