import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type MacroFixture, macroFixture, skip } from './testing/macro-fixture.ts'

suite('python macros of the mini distribution', { skip }, () => {
  let macros: MacroFixture

  before(async () => {
    macros = await macroFixture()
  })
  after(() => macros[Symbol.asyncDispose]())

  const SITELIB = '/usr/lib/python3.11/site-packages'
  // What Fedora's macros expand to, for a package `python-own` 1.0~rc1 and Python 3.11. Its index is that of the Python community.
  const INDEX = 'https://files.pythonhosted.org/packages/source'
  for (const [text, want] of [
    ['%{pypi_source six}', `${INDEX}/s/six/six-1.0rc1.tar.gz`],
    ['%{pypi_source six 1.16.0}', `${INDEX}/s/six/six-1.16.0.tar.gz`],
    ['%{pypi_source six 1.16.0 zip}', `${INDEX}/s/six/six-1.16.0.zip`],
    ['%pypi_source', `${INDEX}/p/python-own/python-own-1.0rc1.tar.gz`],
    ['%global pypi_name own\n%pypi_source', `${INDEX}/o/own/own-1.0rc1.tar.gz`],
    ['%global pypi_name x\n%global srcname Own\n%pypi_source', `${INDEX}/O/Own/Own-1.0rc1.tar.gz`],
    ['%global __pypi_url http://own/\n%{pypi_source six 1}', 'http://own/s/six/six-1.tar.gz'],
    ['%{python3_sitelib}', SITELIB],
    ['%{py3_dist Own_Name.x}', 'python3dist(own-name-x)'],
  ] as const)
    test(`${JSON.stringify(text)} expands to ${want}`, async () => {
      const defines = { name: 'python-own', version: '1.0~rc1' }
      assert.equal(await macros.expand(text, defines), want)
    })
})
