import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import { parse } from 'yaml'
import { sampleFacts } from '../testing/facts.ts'
import { podsOf } from '../testing/pods.ts'
import type { Facts } from './facts.ts'
import { render } from './render.ts'

const OIDC = {
  issuer: 'https://id.example.org',
  client_id: 'copr',
  client_secret: { secret: 'oidc', key: 's' },
}

function context(vars: object, facts: Partial<Facts> = {}) {
  const objects = render(Vars.parse(vars), sampleFacts('openshift', facts))
  const programs = objects.find(({ metadata }) => metadata.name === 'programs')
  const config = (name: string): Record<string, unknown> =>
    parse((programs?.['data'] as Record<string, string> | undefined)?.[`${name}.yaml`] ?? '')
  return { objects, config }
}

for (const [what, vars, facts, want] of [
  ['auto where there is an OAuth server', {}, {}, 'openshift_login'],
  ['auto where there is none', {}, { oauth: false }, undefined],
  ['auto with a provider', { login: { oidc: OIDC } }, {}, 'oidc'],
  ['openshift', { login: { mode: 'openshift' } }, {}, 'openshift_login'],
  ['oidc', { login: { mode: 'oidc', oidc: OIDC } }, {}, 'oidc'],
  ['local', { login: { mode: 'local' } }, {}, undefined],
] as const)
  test(`login.mode ${what}: ${want ?? 'passwords only'}`, () => {
    const { objects, config } = context(vars, facts)
    const keys = ['oidc', 'openshift_login'].filter((key) => key in config('frontend'))
    assert.deepEqual(keys, want ? [want] : [])
    const clients = objects.filter(({ metadata }) => metadata.name.startsWith('login'))
    assert.equal(clients.length, want === 'openshift_login' ? 2 : 0)
  })

test('the OAuth client is a service account that no pod uses, and has one redirect URI under the Route', () => {
  const { objects, config } = context({ name: 'builds', login: { admin_group: 'ops' } })
  const account = objects.find(
    ({ kind, metadata }) => kind === 'ServiceAccount' && metadata.name === 'login',
  )
  const annotations = account?.metadata.annotations ?? {}
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [
        key.replace('serviceaccounts.openshift.io/', ''),
        value,
      ]),
    ),
    {
      'oauth-redirectreference.copr':
        '{"kind":"OAuthRedirectReference","apiVersion":"v1","reference":{"group":"route.openshift.io","kind":"Route","name":"copr"}}',
      'oauth-redirecturi.copr': '/oidc_auth/',
    },
  )
  assert.ok(podsOf(objects).every(({ spec }) => spec.serviceAccountName !== 'login'))
  assert.ok(!JSON.stringify(objects.filter(({ kind }) => kind === 'RoleBinding')).includes('login'))
  assert.deepEqual(config('frontend')['openshift_login'], {
    client_id: 'system:serviceaccount:builds:login',
    client_secret_file: '/etc/copr/login/token',
    admin_group: 'ops',
  })
})

test('only the frontend has the token, trusts the API server, and may connect to it', () => {
  const { objects, config } = context({})
  const configOf = podsOf(objects).flatMap(({ spec }) =>
    spec.volumes.filter((volume) => JSON.stringify(volume).includes('login-token')),
  )
  assert.deepEqual(
    configOf.map(({ name }) => name),
    ['config-frontend'],
  )
  const ca = '/etc/copr/api/ca.crt'
  assert.ok((config('frontend')['trusted_ca_files'] as string[]).includes(ca))
  assert.ok(!(config('backend')['trusted_ca_files'] as string[]).includes(ca))
  const out = objects.find(({ metadata }) => metadata.name === 'frontend-out')
  assert.match(JSON.stringify(out), /"port":6443/)
  const without = context({}, { oauth: false }).objects
  const other = without.find(({ metadata }) => metadata.name === 'frontend-out')
  assert.doesNotMatch(JSON.stringify(other), /"port":6443/)
})
