import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import test from 'node:test'
import { KeygenServiceAccounts } from '@copr/contract/configuration/keygen-config'
import { silentLog } from '@copr/process/log'
import { SignJWT } from 'jose'
import type { AskCluster, ClusterAnswer } from './cluster-api.ts'
import { serviceAccounts } from './service-account.ts'

const ISSUER = 'https://kubernetes.default.svc'
const NOW = new Date('2026-11-20T12:00:00Z')
const CONFIG = KeygenServiceAccounts.parse({ namespace: 'copr', check: 'jwks' })

const makePair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

interface Cluster {
  ask: AskCluster
  paths: string[]
  /** The public keys that the cluster publishes. */
  keys: Map<string, KeyObject>
  review: (body: unknown) => ClusterAnswer
}

/** A fake API server that answers the requests keygen makes. */
function fakeCluster(): Cluster {
  const cluster: Cluster = {
    paths: [],
    keys: new Map(),
    review: () => ({ status: 403, body: { kind: 'Status' } }),
    async ask(path, body) {
      cluster.paths.push(path)
      if (path === '/.well-known/openid-configuration')
        return { status: 200, body: { issuer: ISSUER, jwks_uri: 'https://elsewhere.example/keys' } }
      if (path === '/openid/v1/jwks') {
        const jwk = ([kid, key]: [string, KeyObject]) => ({
          ...key.export({ format: 'jwk' }),
          kid,
          use: 'sig',
          alg: 'ES256',
        })
        return { status: 200, body: { keys: [...cluster.keys].map(jwk) } }
      }
      assert.equal(path, '/apis/authentication.k8s.io/v1/tokenreviews')
      return cluster.review(body)
    },
  }
  return cluster
}

interface TokenSummary {
  kid?: string
  issuer?: string
  audience?: string
  expires?: number
  namespace?: string
  account?: string
  kubernetes?: object
}

const seconds = Math.floor(NOW.getTime() / 1000)

async function tokenOf(key: KeyObject, facts: TokenSummary = {}): Promise<string> {
  const { kid = 'one', issuer = ISSUER, audience = CONFIG.audience, expires = 600 } = facts
  const { namespace = 'copr', account = 'copr-backend' } = facts
  const pod = { name: 'backend-1', uid: '0b3c' }
  const kubernetes = facts.kubernetes ?? { namespace, serviceaccount: { name: account }, pod }
  return await new SignJWT({ 'kubernetes.io': kubernetes })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + expires)
    .sign(key)
}

function start(overrides: Partial<KeygenServiceAccounts> = {}) {
  const cluster = fakeCluster()
  const pair = makePair()
  cluster.keys.set('one', pair.publicKey)
  const clock = { now: NOW }
  const config = { ...CONFIG, ...overrides }
  const options = { config, log: silentLog(), now: () => clock.now, ask: cluster.ask }
  return { cluster, clock, key: pair.privateKey, identify: serviceAccounts(options) }
}

test('serviceAccounts() identifies the backend by a token that was issued to its pod for keygen', async () => {
  const { key, identify } = start()
  assert.deepEqual(await identify(await tokenOf(key)), {
    name: 'copr/copr-backend (pod backend-1)',
    rights: ['make', 'sign', 'open'],
  })
  const frontend = await identify(await tokenOf(key, { account: 'copr-frontend' }))
  assert.deepEqual(frontend?.rights, ['make', 'seal'])
})

for (const [what, facts] of [
  ['for the API server', { audience: 'https://kubernetes.default.svc' }],
  ['of another issuer', { issuer: 'https://other.example' }],
  ['that has expired', { expires: -60 }],
  ['of another namespace', { namespace: 'elsewhere' }],
  ['of an account without rights', { account: 'copr-builder' }],
  ['of an account named like a property that every object has', { account: 'constructor' }],
  [
    'that is not bound to a pod',
    { kubernetes: { namespace: 'copr', serviceaccount: { name: 'copr-backend' } } },
  ],
] as const)
  test(`serviceAccounts() refuses a token ${what}`, async () => {
    const { key, identify } = start()
    assert.equal(await identify(await tokenOf(key, facts)), undefined)
  })

test('serviceAccounts() refuses a token that the cluster has not signed', async () => {
  const { key, identify } = start()
  const good = await tokenOf(key)
  const [head, body] = good.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  for (const token of ['x', `${head}.${body}.`, `${none}.${body}.`, `${good}x`])
    assert.equal(await identify(token), undefined, token)
  assert.equal(await identify(await tokenOf(makePair().privateKey)), undefined)
})

test('serviceAccounts() fetches the keys again when a token names an unknown key, but at most once a minute', async () => {
  const { cluster, clock, key, identify } = start()
  await identify(await tokenOf(key))
  const next = makePair()
  cluster.keys.set('two', next.publicKey)
  const token = await tokenOf(next.privateKey, { kid: 'two' })
  const looks = () => cluster.paths.filter((path) => path === '/openid/v1/jwks').length
  assert.equal(await identify(token), undefined, 'too soon')
  assert.equal(looks(), 1)
  clock.now = new Date(NOW.getTime() + 61_000)
  assert.ok(await identify(token))
  assert.equal(looks(), 2)
})

test('serviceAccounts() accepts only tokens that TokenReview confirms for its audience, if keygen may request a review', async () => {
  const { cluster, key, identify } = start({ check: 'auto' })
  const token = await tokenOf(key)
  const answers = [
    [{ authenticated: true, audiences: [CONFIG.audience] }, true],
    [{ authenticated: true, audiences: ['https://kubernetes.default.svc'] }, false],
    [{ authenticated: true }, false],
    [{ authenticated: false, error: 'pod is gone' }, false],
  ] as const
  for (const [status, isGood] of answers) {
    cluster.review = (body) => {
      assert.partialDeepStrictEqual(body, { spec: { token, audiences: [CONFIG.audience] } })
      return { status: 201, body: { status } }
    }
    assert.equal((await identify(token)) !== undefined, isGood, JSON.stringify(status))
  }
})

test("serviceAccounts() relies on the cluster's keys alone where TokenReview is forbidden, unless configured otherwise", async () => {
  const { cluster, key, identify } = start({ check: 'auto' })
  assert.ok(await identify(await tokenOf(key)))
  assert.ok(await identify(await tokenOf(key)))
  const reviews = cluster.paths.filter((path) => path.endsWith('tokenreviews'))
  assert.equal(reviews.length, 1, 'not asked again at once')
  const strict = start({ check: 'review' })
  assert.equal(await strict.identify(await tokenOf(strict.key)), undefined)
})

test('serviceAccounts() throws when the API server fails, instead of refusing the token', async () => {
  const { key } = start()
  const ask: AskCluster = async () => ({ status: 500, body: {} })
  const identify = serviceAccounts({ config: CONFIG, log: silentLog(), now: () => NOW, ask })
  await assert.rejects(identify(await tokenOf(key)), { kind: 'unavailable' })
})
