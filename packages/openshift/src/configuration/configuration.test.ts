import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { SecretVars, Vars } from '@copr/contract/deployment/vars'
import { parse } from 'yaml'
import { didYouMean } from './did-you-mean.ts'
import { explainKey } from './explain.ts'
import { readVars } from './read-vars.ts'
import { jsonSchema, keysOfVars } from './schema-keys.ts'

/** Matches options that are commented out: the `#` is followed by no space or by at least two, but not by one as in a comment. */
const OPTION = /^( *)#( {2,})?(\w)/gm
const ROOT = new URL('../../../../', import.meta.url)
const file = (text: string, path = 'vars.yml'): { path: string; text: string } => ({ path, text })
const rootFile = (path: string): { path: string; text: string } =>
  file(readFileSync(new URL(path, ROOT), 'utf8'), path)

for (const [word, want] of [
  ['hots', 'host'],
  ['profil', 'profile'],
  ['Storage', 'storage'],
  ['database_', 'database'],
  ['zzzzzzzz', undefined],
] as const)
  test(`didYouMean(${word}) is ${want}`, () =>
    assert.equal(didYouMean(word, ['host', 'profile', 'storage', 'database']), want))

test('readVars() works without any files', () => {
  assert.equal(readVars({}).vars.name, 'copr')
})

test('readVars() reports all unknown keys at once, with suggestions', () => {
  const text =
    'profil: small\nexpose: {hots: a.example.org}\nsite: {limits: {tokendays: 3}}\nx: 1\n'
  assert.throws(() => readVars({ vars: file(text) }), {
    kind: 'invalid',
    message: [
      'Cannot use vars.yml:',
      '  expose.hots: there is no such key; did you mean host?',
      '  site.limits.tokendays: there is no such key; did you mean token_days?',
      '  profil: there is no such key; did you mean profile?',
      '  x: there is no such key; known here: name, profile, cluster, expose, login, database, storage, builders, images, events, site, monitoring, network_policies',
    ].join('\n'),
  })
})

test('readVars() describes an invalid value in a readable message', () => {
  assert.throws(() => readVars({ vars: file('expose: {host: "https://a.example.org/"}') }), {
    message: /expose\.host: must be a host name, without https:\/\//,
  })
})

test('readVars() refuses keys in vars.yml', () => {
  const key = '-----BEGIN RSA PRIVATE KEY-----'
  assert.throws(() => readVars({ vars: file(`name: a\nfoo: "${key}"`) }), {
    message: /has a key in it/,
  })
})

test('the templates are valid without changes, and list every key', () => {
  const read = readVars({
    vars: rootFile('vars.yml.template'),
    secrets: rootFile('secret-vars.yml.template'),
  })
  assert.equal(read.vars.name, 'copr')
  assert.deepEqual(read.secrets, {})
  const words = rootFile('vars.yml.template').text
  for (const { key } of keysOfVars().filter((each) => !each.key.startsWith('site.limits.'))) {
    const name = key.split('.').at(-1)
    assert.match(words, new RegExp(`\\b${name}:`), `${key} is not in vars.yml.template`)
  }
})

test("the templates' examples are valid, too", () => {
  const uncommented = rootFile('vars.yml.template').text.replaceAll(OPTION, '$1$2$3')
  assert.equal(readVars({ vars: file(uncommented) }).vars.database.external?.port, 5432)
  const secrets = rootFile('secret-vars.yml.template').text.replaceAll(OPTION, '$1$2$3')
  assert.ok(SecretVars.parse(parse(secrets)).aws)
})

test('every key of vars.yml is documented', () => {
  assert.deepEqual(
    keysOfVars()
      .filter(({ meaning }) => meaning === '')
      .map(({ key }) => key)
      .filter((key) => !key.startsWith('site.limits.')),
    [],
  )
})

for (const [name, schema] of [
  ['vars', Vars],
  ['secret-vars', SecretVars],
] as const)
  test(`docs/${name}.schema.json is up to date (make schema)`, () => {
    const written = JSON.parse(rootFile(`docs/${name}.schema.json`).text) as unknown
    assert.deepEqual(written, JSON.parse(JSON.stringify(jsonSchema(schema, `${name}.yml`))))
  })

const REFERENCE = `---
oc_api_endpoint: https://api.example.com:6443
project: copr-team
postgres_password: "s3cret"
frontend_backend_password: "another s3cret"
frontend_base_url: http://copr.apps.example.com
distgit_fqdn: distgit.apps.example.com
backend_fqdn: backend.apps.example.com
aws_config:
  access_key_id: AKIAIOSFODNN7EXAMPLE
  secret_access_key: wJalr
  ssh_key:
    name: builders
    private: |
      -----BEGIN RSA PRIVATE KEY-----
      AAAA
      -----END RSA PRIVATE KEY-----
    public: ssh-rsa AAAAB3Nz
`

test('readVars() accepts a secret-vars.yml of the reference system, and reports how each key is used', () => {
  const { vars, secrets, remarks } = readVars({ secrets: file(REFERENCE, 'secret-vars.yml') })
  assert.equal(vars.name, 'copr-team')
  assert.equal(vars.cluster.api, 'https://api.example.com:6443')
  assert.equal(vars.expose.host, 'copr.apps.example.com')
  assert.deepEqual(secrets.aws, {
    access_key_id: 'AKIAIOSFODNN7EXAMPLE',
    secret_access_key: 'wJalr',
  })
  assert.deepEqual(
    remarks.map(({ key, became }) => `${key} -> ${became.split(':')[0]}`),
    [
      'oc_api_endpoint -> cluster.api',
      'project -> name',
      'postgres_password -> not used',
      'frontend_backend_password -> not used',
      'frontend_base_url -> expose.host',
      'distgit_fqdn -> not used',
      'backend_fqdn -> not used',
      'aws_config.access_key_id -> aws.access_key_id',
      'aws_config.secret_access_key -> aws.secret_access_key',
      'aws_config.ssh_key.name -> not used',
      'aws_config.ssh_key.private -> not used',
      'aws_config.ssh_key.public -> not used',
    ],
  )
  for (const { became } of remarks) assert.doesNotMatch(became, /s3cret|wJalr|AAAA/)
})

test("readVars() accepts the chart's values, including empty keys and pod requests", () => {
  const values = `project: copr-dev
create_project: false
deployment: dev
postgres_user: copr-fe
postgres_password: ""
postgres_database_name: copr-db
frontend_backend_password: ""
frontend_base_url: http://copr-frontend:5000
distgit_fqdn: copr-distgit
backend_fqdn: copr-backend
redis_image: ""
copr_frontend_image: quay.io/copr/frontend:test
aws_config: {access_key_id: "", secret_access_key: "", ssh_key: {name: "", private: "", public: ""}}
resources: {backend: {log: {requests: {memory: 16Mi, cpu: 5m}}}}
`
  const { vars, secrets, remarks } = readVars({ secrets: file(values, 'values.yaml') })
  assert.equal(vars.name, 'copr-dev')
  assert.equal(vars.expose.host, undefined)
  assert.deepEqual(secrets, {})
  const said = new Map(remarks.map(({ key, became }) => [key, became]))
  assert.match(said.get('resources.backend.log.requests.memory') ?? '', /profile decides/)
  assert.match(said.get('copr_frontend_image') ?? '', /by digest/)
  assert.equal(said.get('aws_config.ssh_key.name'), 'empty')
})

test('vars.yml takes precedence over a file of the reference system', () => {
  const { vars } = readVars({
    vars: file('expose: {host: builds.example.org}'),
    secrets: file(REFERENCE, 'secret-vars.yml'),
  })
  assert.equal(vars.expose.host, 'builds.example.org')
  assert.equal(vars.name, 'copr-team')
})

test('explainKey() returns the meaning, default and value of a key, and the source of the value', () => {
  const read = readVars({
    vars: file('profile: medium'),
    secrets: file(REFERENCE, 'secret-vars.yml'),
  })
  assert.deepEqual(explainKey('profile', read), {
    key: 'profile',
    meaning: 'small: one node; medium: hundreds of projects; large: several replicas of everything',
    choices: ['small', 'medium', 'large'],
    default: 'small',
    value: 'medium',
    decided_by: 'vars.yml',
  })
  assert.equal(explainKey('expose.host', read).decided_by, 'frontend_base_url in secret-vars.yml')
  assert.equal(explainKey('expose.with', read).decided_by, 'the default')
  assert.ok(explainKey('storage', read).keys?.includes('storage.results.size'))
  assert.throws(() => explainKey('hots', read), {
    message: /did you mean expose\.host\?/,
  })
})
