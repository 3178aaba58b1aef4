import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { getCACertificates, rootCertificates, setDefaultCACertificates } from 'node:tls'
import { trustOnMachine } from './trust-on-machine.ts'

const prints = (all: string[]): string[] =>
  all.map((pem) => new X509Certificate(pem).fingerprint256).toSorted()

test('trustOnMachine() adds authorities only once, both to the existing bundles and to this process', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-trust-'))
  const known = getCACertificates('default')
  t.after(() => {
    setDefaultCACertificates(known)
    rmSync(dir, { recursive: true })
  })
  const [one = '', ...two] = rootCertificates.slice(0, 3)
  setDefaultCACertificates([one])
  const bundle = join(dir, 'bundle.crt')
  writeFileSync(bundle, one)
  const pem = `${two.join('\n')}\n`
  for (let times = 0; times < 2; times++) {
    using _trust = await trustOnMachine(pem, dir, [bundle, join(dir, 'missing.crt')])
  }
  assert.equal(readFileSync(bundle, 'utf8'), `${one}\n${pem}`)
  assert.deepEqual(
    [...new Set(prints(getCACertificates('default')))],
    prints(rootCertificates.slice(0, 3)),
  )
  assert.deepEqual(readdirSync(dir).toSorted(), ['bundle.crt', 'trusted-ca.crt'])
})
