import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { run, runOrThrow } from '@copr/process/run'
import { openTestDb } from '@copr/testkit/postgres'
import { newTicket, scratchFolder, startKeygen } from './testing.ts'

const missing = ['rpmbuild', 'rpmsign', 'rpmkeys'].filter(
  (tool) => spawnSync(tool, ['--version']).error,
)
const skip = missing.length > 0 ? `${missing.join(', ')} not installed` : false

const SPEC = `
Name: tiny
Version: 1
Release: 1
Summary: Nothing
License: MIT
BuildArch: noarch
%description
%files
`

/** Replaces gpg in rpmsign: reads the data from stdin and writes the signature to a file. */
const SIGNER = `
import { readFileSync, writeFileSync } from 'node:fs'
import { keygenClient } from '${import.meta.resolve('@copr/keygen-client/keygen-client')}'
import { digestFor } from '${import.meta.resolve('@copr/contract/openpgp-signature')}'
const signature = process.argv[2]
const { url, secret, key, ticket } = JSON.parse(process.env.KEYGEN)
const created_at = Math.floor(Date.now() / 1000)
const digest = digestFor(readFileSync(0), { ...key, created_at }).toString('base64')
const request = { owner: 'someone', project: key.algorithm, purpose: 'tiny', created_at, digests: [digest], fingerprint: key.fingerprint, ticket }
const { signatures } = await keygenClient({ url, secret }).sign(request)
writeFileSync(signature, Buffer.from(signatures[0], 'base64'))
`

test('rpm accepts packages whose headers keygen signed', { skip }, async () => {
  await using folder = await scratchFolder()
  const inside = (name: string): string => join(folder.path, name)
  await using test_db = await openTestDb()
  await using keygen = await startKeygen({ database_url: test_db.url, dir: folder.path })
  await writeFile(inside('tiny.spec'), SPEC)
  await writeFile(inside('signer.mjs'), SIGNER)
  const signer = `${process.execPath} node ${inside('signer.mjs')} %{__signature_filename}`
  for (const algorithm of ['rsa4096', 'ed25519'] as const) {
    const top = inside(algorithm)
    await runOrThrow('rpmbuild', ['-bb', '--define', `_topdir ${top}`, inside('tiny.spec')], {
      env: { HOME: top },
    })
    const rpm = join(top, 'RPMS/noarch/tiny-1-1.noarch.rpm')
    const key = await keygen.client.makeKey({ owner: 'someone', project: algorithm, algorithm })
    const db = ['--dbpath', join(top, 'db')]
    await writeFile(inside('key.asc'), key.public_key)
    await runOrThrow('rpmkeys', [...db, '--import', inside('key.asc')])

    const { url, secret } = keygen
    const ticket = newTicket({ owner: 'someone', project: algorithm })
    const env = { HOME: top, KEYGEN: JSON.stringify({ url, secret, key, ticket }) }
    const defines = ['--define', `__gpg_sign_cmd ${signer}`, '--define', '_gpg_name any']
    await runOrThrow('rpmsign', [...defines, '--addsign', rpm], { env })
    const checked = await run('rpmkeys', [...db, '-Kv', rpm])
    assert.ok(checked.ok, checked.output)
    const keyId = key.fingerprint.slice(-8).toLowerCase()
    assert.match(
      checked.output,
      new RegExp(`Header V4 (RSA|EdDSA)/SHA256 Signature, key ID ${keyId}: OK`),
    )
    const unknown = await run('rpmkeys', ['--dbpath', join(top, 'no-db'), '-K', rpm])
    assert.equal(unknown.ok, false, 'without the key, the package is not accepted')
  }
})
