import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Configuration } from '@copr/contract/configuration'
import { placeOf } from './open-bucket.ts'

const CLAIM = {
  BUCKET_HOST: 's3.openshift-storage.svc',
  BUCKET_PORT: '443',
  BUCKET_NAME: 'copr-results-1',
  BUCKET_REGION: '',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'secret\n',
}
const CREDENTIALS = { accessKeyId: 'id', secretAccessKey: 'secret' }

function claimDir(files: Record<string, string>): { dir: string } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'copr-claim-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) }
}

function configOf(s3: object) {
  const parsed = Configuration.shape.results.parse({ s3 }).s3
  if (!parsed) throw new Error('unreachable')
  return parsed
}

for (const [what, files, more, endpoint, region] of [
  ['HTTPS', {}, {}, 'https://s3.openshift-storage.svc:443', 'us-east-1'],
  ['HTTP', { BUCKET_PORT: '80' }, {}, 'http://s3.openshift-storage.svc:80', 'us-east-1'],
  ['a region', { BUCKET_REGION: 'home' }, {}, 'https://s3.openshift-storage.svc:443', 'home'],
  ['a configured endpoint', {}, { endpoint: 'http://rgw:8000' }, 'http://rgw:8000', 'us-east-1'],
] as const)
  test(`placeOf() reads a claim with ${what} from its files`, () => {
    using claim = claimDir({ ...CLAIM, ...files })
    assert.deepEqual(placeOf(configOf({ claim_dir: claim.dir, ...more })), {
      endpoint,
      region,
      bucket: 'copr-results-1',
      credentials: CREDENTIALS,
    })
  })

test('the error for a bucket claim without keys names the missing file', () => {
  const { AWS_SECRET_ACCESS_KEY: _, ...files } = CLAIM
  using claim = claimDir(files)
  assert.throws(() => placeOf(configOf({ claim_dir: claim.dir })), {
    message: /^Cannot use the bucket claim in .*: the file AWS_SECRET_ACCESS_KEY is missing$/,
  })
})

test('a bucket without keys uses the credentials of the pod', () => {
  const place = placeOf(configOf({ bucket: 'copr-results', region: 'eu-central-1' }))
  assert.deepEqual(place, {
    endpoint: undefined,
    region: 'eu-central-1',
    bucket: 'copr-results',
    credentials: undefined,
  })
})

for (const [s3, message] of [
  [{}, /either a bucket or a claim_dir/],
  [{ bucket: 'copr', claim_dir: '/x' }, /either a bucket or a claim_dir/],
  [{ bucket: 'copr', access_key_id: 'a' }, /belong together/],
  [{ bucket: 'Not_A_Bucket' }, /bucket/],
] as const)
  test(`the configuration refuses ${JSON.stringify(s3)}`, () => {
    assert.throws(() => configOf(s3), message)
  })
