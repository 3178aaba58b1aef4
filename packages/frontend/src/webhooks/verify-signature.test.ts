import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { verifySignature } from './verify-signature.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
const SECONDS = NOW.getTime() / 1000
const BODY = Buffer.from('{"ref": "refs/heads/main"}')
const SECRET = `whsec_${Buffer.from('a key of thirty-two bytes, at last').toString('base64')}`
const OTHER = `whsec_${Buffer.from('another key of thirty-two bytes.').toString('base64')}`
const hex = (secret = SECRET, body = BODY) =>
  createHmac('sha256', secret).update(body).digest('hex')

/** Returns the headers of Standard Webhooks for a body. */
function standard(at = SECONDS, secret = SECRET, body = BODY): Record<string, string> {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signed = createHmac('sha256', key).update(`msg_1.${at}.`).update(body).digest('base64')
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${signed}`,
  }
}

function verify(
  source: Parameters<typeof verifySignature>[0],
  headers: Record<string, string>,
  { body = BODY, secret = SECRET } = {},
) {
  return verifySignature(source, { header: (name) => headers[name], body, secret, now: NOW })
}

const GOOD = [
  ['github', { 'x-hub-signature-256': `sha256=${hex()}` }],
  ['bitbucket', { 'x-hub-signature': `sha256=${hex()}` }],
  ['forgejo', { 'x-forgejo-signature': hex() }],
  ['forgejo', { 'x-gitea-signature': hex() }],
  ['forgejo', { 'x-hub-signature-256': `sha256=${hex()}` }],
  ['gitlab', standard()],
  ['gitlab', { 'x-gitlab-token': SECRET }],
  ['custom', standard()],
  ['custom', { 'x-hub-signature-256': `sha256=${hex()}` }],
] as const

for (const [source, headers] of GOOD) {
  const name = `${source} with ${Object.keys(headers).join(', ')}`
  test(`verifySignature() accepts ${name}, and neither another secret nor a missing header`, () => {
    assert.ok('keys' in verify(source, headers))
    assert.ok('refusal' in verify(source, headers, { secret: OTHER }))
    assert.ok('refusal' in verify(source, {}))
  })
  if (!('x-gitlab-token' in headers))
    test(`verifySignature() refuses an altered body from ${name}`, () => {
      const altered = verify(source, headers, { body: Buffer.from('{"ref": "refs/heads/mine"}') })
      assert.match('refusal' in altered ? altered.refusal : '', /^the signature in .* is wrong/)
    })
}

// Test case 2 of RFC 4231, in the format of each header.
test('verifySignature() accepts the HMAC-SHA256 of a test vector in RFC 4231', () => {
  const signature = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
  const vector = { body: Buffer.from('what do ya want for nothing?'), secret: 'Jefe' }
  assert.ok('keys' in verify('github', { 'x-hub-signature-256': `sha256=${signature}` }, vector))
  assert.ok('keys' in verify('forgejo', { 'x-forgejo-signature': signature }, vector))
})

// The example in the specification of Standard Webhooks.
test('verifySignature() accepts the example in the specification of Standard Webhooks', () => {
  const verified = verifySignature('custom', {
    header: (name) =>
      ({
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      })[name],
    body: Buffer.from('{"test": 2432232314}'),
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    now: new Date(1_614_265_330_000),
  })
  assert.ok('keys' in verified)
})

for (const [seconds, refusal] of [
  [-300, undefined],
  [300, undefined],
  [-301, 'its timestamp is 301 seconds old; 300 are allowed'],
  [86_400, 'its timestamp is 86400 seconds in the future; 300 are allowed'],
] as const)
  test(`verifySignature() ${refusal ? 'refuses' : 'accepts'} a timestamp ${seconds} seconds from now`, () => {
    const verified = verify('gitlab', standard(SECONDS + seconds))
    assert.equal('refusal' in verified ? verified.refusal : undefined, refusal)
  })

for (const [what, source, headers] of [
  [
    'a bad signature beside a good token',
    'gitlab',
    { ...standard(SECONDS, 'whsec_AAAA'), 'x-gitlab-token': SECRET },
  ],
  [
    'a bad signature beside a good older one',
    'forgejo',
    { 'x-forgejo-signature': hex('other'), 'x-gitea-signature': hex() },
  ],
  [
    'SHA-1',
    'bitbucket',
    { 'x-hub-signature': `sha1=${createHmac('sha1', SECRET).update(BODY).digest('hex')}` },
  ],
  ['an empty signature', 'github', { 'x-hub-signature-256': '' }],
  ['an empty token', 'gitlab', { 'x-gitlab-token': '' }],
  ['no timestamp', 'custom', { ...standard(), 'webhook-timestamp': '' }],
  ['a timestamp that is no number', 'custom', { ...standard(), 'webhook-timestamp': 'NaN' }],
  ['no ID', 'custom', { ...standard(), 'webhook-id': '' }],
  ['an asymmetric signature', 'custom', { ...standard(), 'webhook-signature': 'v1a,AAAA' }],
] as const)
  test(`verifySignature() refuses ${what}`, () => assert.ok('refusal' in verify(source, headers)))

test('verifySignature() accepts one valid signature among several, as after a change of the secret', () => {
  const headers = standard()
  const many = `v1,AAAA ${headers['webhook-signature']}`
  assert.ok('keys' in verify('custom', { ...headers, 'webhook-signature': many }))
})
