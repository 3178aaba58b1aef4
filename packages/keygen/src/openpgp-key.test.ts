import assert from 'node:assert/strict'
import test from 'node:test'
import { armor } from '@copr/contract/openpgp-signature'
import { mpi } from './openpgp-key.ts'

for (const [bytes, want] of [
  ['01', '000101'],
  ['01ff', '000901ff'],
  ['0001ff', '000901ff'],
  ['80', '000880'],
  ['0000', '0000'],
] as const)
  test(`mpi(${bytes}) is ${want}`, () =>
    assert.equal(mpi(Buffer.from(bytes, 'hex')).toString('hex'), want))

test('the output of armor() ends with the CRC-24 checksum of RFC 4880', () => {
  // The CRC-24/OPENPGP checksum of "123456789" is 21CF02, which is `Ic8C` in base64.
  const text = armor('SIGNATURE', Buffer.from('123456789'))
  assert.match(text, /\n=Ic8C\n-----END PGP SIGNATURE-----\n$/)
})
