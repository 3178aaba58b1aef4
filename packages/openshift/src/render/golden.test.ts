import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import { nameOf } from '@copr/kube-client/kube-object'
import { sampleFacts } from '../testing/facts.ts'
import { requireComplete, requireDifference, requireNoOthers } from '../testing/golden-files.ts'
import type { Place } from '../podman/place.ts'
import { podmanPods } from '../podman/podman-pods.ts'
import { podmanFacts } from '../podman/podman-vars.ts'
import { faultsOf } from '../testing/strict.ts'
import type { Facts } from './facts.ts'
import { render } from './render.ts'

/** UPDATE_GOLDEN=1 rewrites the files. Reviewers read their changes like changes to code. */
const GOLDEN = {
  url: new URL('../../golden/', import.meta.url),
  isUpdate: process.env['UPDATE_GOLDEN'] === '1',
}

const VARS: Record<string, unknown> = {
  small: {},
  medium: { profile: 'medium', builders: { pools: { aws: {} }, aws: { secret: 'aws' } } },
  large: {
    profile: 'large',
    database: { mode: 'cloudnativepg' },
    storage: { class: 'fast', results: { access: 'ReadWriteMany', class: 'shared' } },
    builders: {
      pools: { pods: {} },
      aws: { role_arn: 'arn:aws:iam::123456789012:role/copr' },
      pods: { enabled: true, max: 10 },
    },
  },
  'large-s3': {
    profile: 'large',
    database: { mode: 'cloudnativepg' },
    storage: {
      results: {
        kind: 's3',
        s3: { bucket_claim: { storage_class: 'openshift-storage.noobaa.io' } },
      },
    },
  },
}

type Flavour = 'openshift' | 'microshift' | 'kubernetes'

/**
 * Each rendering and its base: the file of a rendering contains only the differences from its base. Bases come first. The two renderings
 * without a base have complete files.
 */
const RENDERINGS: [profile: string, flavour: Flavour, base?: string][] = [
  ['small', 'kubernetes'],
  ['small', 'openshift', 'small-kubernetes'],
  ['small', 'microshift', 'small-openshift'],
  ['medium', 'kubernetes', 'small-kubernetes'],
  ['medium', 'openshift', 'small-openshift'],
  ['medium', 'microshift', 'medium-openshift'],
  ['large', 'openshift'],
  ['large', 'microshift', 'large-openshift'],
  ['large', 'kubernetes', 'large-openshift'],
  ['large-s3', 'openshift', 'large-openshift'],
  ['large-s3', 'microshift', 'large-s3-openshift'],
  ['large-s3', 'kubernetes', 'large-kubernetes'],
]

for (const [profile, flavour, base] of RENDERINGS)
  test(`render() of ${profile} for ${flavour} gives ${fileOf(profile, flavour, base)}`, () => {
    const objects = render(Vars.parse(VARS[profile]), sampleFacts(flavour))
    const name = `${profile}-${flavour}`
    if (base === undefined) requireComplete(GOLDEN, name, objects)
    else requireDifference(GOLDEN, name, base, objects)
  })

function fileOf(profile: string, flavour: Flavour, base?: string): string {
  return `${profile}-${flavour}${base === undefined ? '' : '.diff'}.yaml`
}

test('every golden file belongs to a rendering', () => {
  const files = RENDERINGS.map((each) => fileOf(...each))
  requireNoOthers(GOLDEN, [...files, 'small-podman.yaml'])
})

const OIDC = {
  issuer: 'https://id.example.org',
  client_id: 'copr',
  client_secret: { secret: 'oidc', key: 's' },
}
const EVENTS = {
  amqp: {
    url: 'amqps://copr@rabbitmq.example.org/',
    password: { secret: 'amqp', key: 'password' },
    client_certificate: 'amqp-client',
    ca: { secret: 'amqp-ca', key: 'ca.crt' },
  },
  mail: {
    url: 'smtp://copr@mail.example.org',
    from: 'copr@example.org',
    password: { secret: 'mail', key: 'password' },
    ca: { secret: 'mail-ca', key: 'ca.crt' },
  },
}
const OAUTH_BY_INGRESS: Partial<Facts> = { exposure: 'ingress', oauth: true }

test('podmanPods() for the profile small yields small-podman.yaml', () => {
  const place: Place = {
    namespace: 'copr',
    subnet: '10.89.0.0/24',
    publish: { host: '0.0.0.0', port: 5000 },
    images: {
      server: 'localhost/copr-server@sha256:1',
      builder: 'localhost/copr-builder@sha256:2',
    },
  }
  const images = { server: place.images.server, postgresql: 'localhost/copr-postgresql@sha256:3' }
  const facts = podmanFacts(place, { public_url: 'http://localhost:5000', images })
  const objects = podmanPods(render(Vars.parse({}), facts), place).flatMap((pod) => pod.objects)
  requireComplete(GOLDEN, 'small-podman', objects)
})

const EVERYTHING: [string, unknown, Partial<Facts>][] = [
  ['small', VARS['small'], {}],
  ['medium', VARS['medium'], {}],
  ['large', VARS['large'], { priority_classes: true, ingress_ca: 'PEM' }],
  ['crunchy', { database: { mode: 'crunchy' }, storage: { class: 'fast' } }, {}],
  [
    'external, oidc, issuer, limits',
    {
      database: {
        mode: 'external',
        external: {
          host: 'db.example.org',
          password: { secret: 'db', key: 'password' },
          ca: { secret: 'db-ca', key: 'ca' },
        },
      },
      login: { oidc: OIDC },
      expose: {
        host: 'copr.example.org',
        results_host: 'results.example.org',
        certificate: 'issuer:letsencrypt',
      },
      images: { pull_secret: 'pull' },
    },
    { limits_demanded: { cpu: true, memory: true }, subdomain: undefined },
  ],
  ['events', { events: EVENTS }, {}],
  ['login of OpenShift by Ingress', { login: { mode: 'openshift' } }, OAUTH_BY_INGRESS],
  ['bucket claim', VARS['large-s3'], { secret_checksums: { results: '1' } }],
  [
    'bucket with keys and an authority',
    {
      storage: {
        results: {
          kind: 's3',
          s3: {
            bucket: 'copr-results',
            endpoint: 'https://minio.storage.svc:9000',
            region: 'home',
            prefix: 'copr/',
            secret: 'bucket',
            ca: { secret: 'bucket-ca', key: 'ca.crt' },
            public_endpoint: 'https://s3.example.org',
          },
        },
      },
    },
    {},
  ],
  [
    'bucket with a role',
    {
      profile: 'medium',
      storage: {
        results: {
          kind: 's3',
          s3: {
            bucket: 'copr-results',
            region: 'eu-central-1',
            role_arn: 'arn:aws:iam::123456789012:role/copr-results',
          },
        },
      },
    },
    {},
  ],
  ['ingress', { expose: { ingress_class: 'traefik' } }, { exposure: 'ingress' }],
]

for (const flavour of ['openshift', 'microshift', 'kubernetes'] as const)
  for (const [name, vars, facts] of EVERYTHING)
    test(`every field of ${name} for ${flavour} is a field of its kind`, () => {
      const objects = render(Vars.parse(vars), sampleFacts(flavour, facts))
      const faults = objects.flatMap((each) =>
        faultsOf(each).map((fault) => `${nameOf(each)}: ${fault}`),
      )
      assert.deepEqual(faults, [])
    })

test('faultsOf() finds a mistyped field and a wrong type', () => {
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'a' },
    spec: { replica: 1, template: { spec: { containers: [{ name: 3 }] } } },
  }
  assert.deepEqual(faultsOf(object), [
    'spec.replica: unknown',
    'spec.template.spec.containers[0].name: not a string: 3',
  ])
})

test('render() refuses to enable monitoring where the cluster has none, and omits it where it is disabled', () => {
  assert.throws(
    () => render(Vars.parse({ monitoring: { enabled: true } }), sampleFacts('kubernetes')),
    {
      kind: 'invalid',
      message: /monitoring\.enabled is true, but the cluster has no ServiceMonitor/,
    },
  )
  const without = render(Vars.parse({ monitoring: { enabled: false } }), sampleFacts('openshift'))
  assert.doesNotMatch(
    JSON.stringify(without),
    /ServiceMonitor|PrometheusRule|user-workload-monitoring/,
  )
})

test('render() refuses login through OpenShift where there is no OAuth server', () => {
  const vars = Vars.parse({ login: { mode: 'openshift' } })
  for (const flavour of ['microshift', 'kubernetes'] as const)
    assert.throws(() => render(vars, sampleFacts(flavour)), {
      kind: 'invalid',
      message: /this cluster has no OAuth server of its own/,
    })
})

for (const [vars, want] of [
  [{ storage: { results: { kind: 's3' } } }, /does not specify the bucket/],
  [{ storage: { results: { s3: { bucket: 'copr' } } } }, /kind is not s3/],
  [{ storage: { results: { kind: 's3', s3: {} } } }, /either bucket or bucket_claim/],
  [{ storage: { results: { kind: 's3', s3: { bucket: 'copr' } } } }, /either secret or role_arn/],
  [
    {
      storage: {
        results: { kind: 's3', s3: { bucket_claim: { storage_class: 'a' }, secret: 'b' } },
      },
    },
    /provides keys/,
  ],
  [{ database: { mode: 'external' } }, /does not specify the server/],
  [{ login: { mode: 'oidc' } }, /does not specify the provider/],
  [{ login: { mode: 'local', oidc: OIDC } }, /login\.mode is local; remove one of them/],
  [
    { builders: { aws: { secret: 'a', role_arn: 'arn:aws:iam::123456789012:role/x' } } },
    /both role_arn and secret/,
  ],
] as const)
  test(`render() refuses ${JSON.stringify(vars)}`, () =>
    assert.throws(() => render(Vars.parse(vars), sampleFacts('openshift')), {
      kind: 'invalid',
      message: want,
    }))
