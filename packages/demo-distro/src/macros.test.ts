import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { missingPrograms } from '@copr/testkit/system/requirements'
import { writeExtraFiles } from './own-packages.ts'

const missing = missingPrograms(process.env['PATH'] ?? '', ['rpm'])
const skip = missing.length > 0 ? 'needs rpm' : false

/** The macro files of rpm itself, in the order of its own configuration. */
const RPM_MACROS = [
  '/usr/lib/rpm/macros',
  '/usr/lib/rpm/macros.d/macros.*',
  '/usr/lib/rpm/platform/%{_target}/macros',
]

suite('macros of the mini distribution', { skip }, () => {
  const tree = mkdtempSync(join(tmpdir(), 'copr-macros-'))
  let perl = '5.36.0'

  before(async () => {
    const answer = await run('perl', ['-e', 'printf "%vd", $^V'])
    if (answer.ok) perl = answer.output
    const release = { id: 'debian', version: '12', python: '3.11', automake: '1.16', rpm: '4.18' }
    await writeExtraFiles(tree, { ...release, perl })
  })
  after(() => rmSync(tree, { recursive: true }))

  /** Returns the expansion of a text that may define macros. */
  async function expand(text: string, defines: Record<string, string> = {}): Promise<string> {
    const macros = [...RPM_MACROS, join(tree, 'etc/rpm/macros.*')].join(':')
    const args = Object.entries(defines).flatMap(([name, body]) => ['--define', `${name} ${body}`])
    return (await runOrThrow('rpm', [`--macros=${macros}`, ...args, '--eval', text])).trim()
  }

  // Fedora computes each by asking the interpreter for the same setting.
  for (const [macro, setting] of [
    ['perl_privlib', 'installprivlib'],
    ['perl_archlib', 'installarchlib'],
    ['perl_vendorlib', 'installvendorlib'],
    ['perl_vendorarch', 'installvendorarch'],
    ['perl_sitelib', 'installsitelib'],
    ['perl_sitearch', 'installsitearch'],
    ['perl_version', 'version'],
  ] as const)
    test(`%${macro} is perl's ${setting}`, async (t) => {
      const answer = await run('perl', [`-V:${setting}`])
      if (!answer.ok) return t.skip('needs perl')
      assert.equal(`${setting}='${await expand(`%{${macro}}`)}';\n`, answer.output)
    })

  for (const [text, want] of [
    ['%{__perl}', '/usr/bin/perl'],
    ['%{perl_testdir}', '/usr/libexec/perl5-tests'],
  ] as const)
    test(`${text} is ${want}`, async () => assert.equal(await expand(text), want))

  test('%perl_default_filter excludes the objects of modules from provides', async () => {
    const text = '%{?perl_default_filter}%{__provides_exclude_from}'
    const paths = new RegExp(await expand(text, { __provides_exclude_from: '^/own' }))
    const objects = await expand('%{perl_vendorarch}/auto/Own/Own.so')
    assert.deepEqual(
      ['/own/x.so', objects, '/usr/lib/libown.so.1'].map((path) => paths.test(path)),
      [true, true, false],
    )
  })
})
