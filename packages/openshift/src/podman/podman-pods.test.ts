import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import { render } from '../render/render.ts'
import type { Place, PodmanPod } from './place.ts'
import { builderPod, podmanPods } from './podman-pods.ts'
import { podmanFacts, varsForPodman } from './podman-vars.ts'

const PLACE: Place = {
  namespace: 'copr',
  subnet: '10.89.7.0/24',
  publish: { host: '127.0.0.1', port: 8080 },
  images: { server: 'server', builder: 'builder' },
}

function podsOf(given: object, secret_checksums: Record<string, string> = {}): PodmanPod[] {
  const { vars } = varsForPodman(Vars.parse(given))
  const images = { server: 'server', postgresql: 'postgresql' }
  const facts = podmanFacts(PLACE, { public_url: 'http://localhost:8080', images })
  return podmanPods(render(vars, { ...facts, secret_checksums }), PLACE)
}

interface PodSpec {
  hostAliases: { ip: string; hostnames: string[] }[]
  containers: { name: string; volumeMounts?: { name: string; mountPath: string }[] }[]
  volumes?: { name: string }[]
}
const specOf = (pod: PodmanPod): PodSpec => pod.objects.at(-1)?.['spec'] as PodSpec
const checksumOf = (pod: PodmanPod): string | undefined =>
  pod.objects.at(-1)?.metadata.labels?.['copr/checksum']
const OIDC = {
  issuer: 'https://id.example.org',
  client_id: 'copr',
  client_secret: { secret: 'provider', key: 'value' },
}
const S3 = { bucket: 'results', endpoint: 'https://s3.example.org' }
const BUCKET = {
  name: 'copr',
  storage: { results: { kind: 's3', s3: { ...S3, secret: 'keys' } } },
}
const EVERYTHING = {
  profile: 'large',
  database: { mode: 'cloudnativepg' },
  storage: { results: { access: 'ReadWriteMany' } },
  builders: { pools: { a: {} }, pods: { enabled: true } },
  login: { oidc: OIDC },
  expose: { host: 'copr.example.org', certificate: 'issuer:letsencrypt' },
}

for (const vars of [{}, EVERYTHING, BUCKET])
  test(`each Service of ${JSON.stringify(vars).slice(0, 20)} resolves to the pod behind it`, () => {
    const pods = podsOf(vars)
    const addresses = pods.map(({ address }) => address)
    assert.equal(new Set(addresses).size, addresses.length)
    const isShared = pods.some(({ component }) => component === 'frontend')
    const behind = {
      frontend: isShared ? 'frontend' : 'servers',
      backend: isShared ? 'backend' : 'servers',
      distgit: 'distgit',
      keygen: 'keygen',
      postgresql: 'postgresql',
    }
    const want = Object.entries(behind).map(([service, component]) => [
      `${service}.copr.svc`,
      pods.find((pod) => pod.component === component)?.address,
    ])
    for (const pod of pods) {
      const aliases = specOf(pod).hostAliases.map(({ ip, hostnames }) => [hostnames[0], ip])
      assert.deepEqual(aliases, want)
    }
  })

for (const vars of [{}, EVERYTHING, BUCKET])
  test(`pods of ${JSON.stringify(vars).slice(0, 20)} have each volume that their containers mount, once`, () => {
    for (const pod of podsOf(vars)) {
      const { containers, volumes = [] } = specOf(pod)
      const names = volumes.map(({ name }) => name)
      assert.equal(new Set(names).size, names.length, pod.name)
      const mounted = containers.flatMap(({ volumeMounts = [] }) => volumeMounts)
      assert.deepEqual(new Set(mounted.map(({ name }) => name)), new Set(names))
    }
  })

test('only the pods that a change affects get a new checksum', () => {
  const changed = (more: object, secrets = {}): string[] =>
    podsOf(more, secrets)
      .filter((pod, index) => checksumOf(pod) !== checksumOf(before[index] ?? pod))
      .map(({ component }) => component)
  const before = podsOf({})
  assert.deepEqual(changed({}), [])
  assert.deepEqual(changed({ login: { oidc: OIDC } }), ['servers'])
  assert.deepEqual(changed({}, { 'keygen-master-key': 'new' }), ['keygen'])
})

test('a key of a Secret is mounted under the file name that programs read', () => {
  const given = podsOf(EVERYTHING).flatMap((pod) => pod.given)
  const provider = given.find(({ name }) => name === 'provider')
  assert.deepEqual(provider?.items, [{ key: 'value', path: 'client_secret' }])
})

test('a builder pod has a hosts entry only for the reverse proxy', () => {
  const { hostAliases } = specOf(builderPod(PLACE, 1, ['agent']))
  assert.deepEqual(hostAliases, [{ ip: '10.89.7.10', hostnames: ['proxy.copr.svc'] }])
})

test('varsForPodman() remarks only on settings that it changes', () => {
  assert.deepEqual(varsForPodman(Vars.parse({})).remarks, [])
  const { vars, remarks } = varsForPodman(Vars.parse(EVERYTHING))
  assert.deepEqual(
    remarks.map((remark) => remark.split(':')[0]),
    ['database.mode', 'builders', 'expose'],
  )
  assert.equal(vars.database.mode, 'embedded')
})

test('varsForPodman() refuses a bucket that only a cluster can provide', () => {
  const results = { kind: 's3', s3: { ...S3, role_arn: 'arn:aws:iam::123456789012:role/x' } }
  assert.throws(() => varsForPodman(Vars.parse({ storage: { results } })), {
    message: /^Cannot run in containers: storage\.results\.s3\.role_arn needs a cluster\n {4}try: /,
  })
})
