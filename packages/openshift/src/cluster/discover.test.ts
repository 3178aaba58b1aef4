import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import { quotaProblems } from '../deploy/quota-check.ts'
import type { KubeObject } from '@copr/kube-client/kube-object'
import type { Facts } from '../render/facts.ts'
import { render } from '../render/render.ts'
import { sampleFacts } from '../testing/facts.ts'
import { memoryApi } from '../testing/memory-api.ts'
import { discover } from './discover.ts'
import type { KubeApi } from '@copr/kube-client/kube-api'

const HOST = { expose: { host: 'copr.example.org' } }

/** A fake of a Kubernetes API that serves these objects and API groups. */
function cluster(given: KubeObject[], groups: string[] = []): KubeApi {
  const memory = memoryApi(given)
  return {
    ...memory,
    request: async (method, path, body) =>
      path === '/apis'
        ? { groups: groups.map((name) => ({ name })) }
        : await memory.request(method, path, body),
  }
}

const metadata = { name: 'sizes', namespace: 'copr' }
const quota = (hard: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata,
  spec: { hard },
})
const range = (...limits: object[]): KubeObject => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata,
  spec: { limits },
})

interface Sized {
  kind: string
  spec?: { template?: { spec: { containers: Container[] } } }
}
interface Container {
  name: string
  resources: { requests: { cpu: string }; limits: { cpu?: string } }
}

/** Returns the CPU limit of each container: `{ keygen: "1" }`. */
async function limitsIn(
  objects: KubeObject[],
  { profile }: { profile: 'small' | 'medium' },
): Promise<Record<string, string | undefined>> {
  const vars = Vars.parse({ ...HOST, profile })
  const api = cluster(objects)
  const { facts } = await discover(api, vars)
  const { images, secret_checksums } = sampleFacts('kubernetes')
  const all: Facts = { ...facts, images, secret_checksums }
  const rendered = render(vars, all)
  assert.deepEqual(await quotaProblems(api, rendered, 'copr'), [])
  const containers = (rendered as unknown as Sized[]).flatMap(
    ({ spec }) => spec?.template?.spec.containers ?? [],
  )
  return Object.fromEntries(containers.map(({ name, resources }) => [name, resources.limits.cpu]))
}

const NONE = {
  postgresql: undefined,
  prepare: undefined,
  frontend: undefined,
  backend: undefined,
  distgit: undefined,
  keygen: undefined,
}
const ONE = {
  postgresql: '1',
  prepare: '1',
  frontend: '1',
  backend: '1',
  distgit: '1',
  keygen: '1',
}
const ofContainer = (more: object): KubeObject => range({ type: 'Container', ...more })
const counted = quota({ 'limits.cpu': '10' })

for (const [what, profile, objects, want] of [
  ['neither quota nor range', 'small', [], NONE],
  ['a quota of limits', 'small', [counted], ONE],
  ['a default limit', 'small', [ofContainer({ default: { cpu: '200m' } })], ONE],
  ['a default limit of memory', 'small', [ofContainer({ default: { memory: '1Gi' } })], NONE],
  ['a maximum for pods', 'small', [range({ type: 'Pod', max: { cpu: '4' } })], ONE],
  [
    'a default and a maximum for containers',
    'medium',
    [ofContainer({ default: { cpu: '200m' }, max: { cpu: '600m' } })],
    {
      postgresql: '600m',
      prepare: '600m',
      frontend: '600m',
      backend: '600m',
      distgit: '600m',
      keygen: '600m',
    },
  ],
  [
    'a quota of limits, and a default limit that is enough for all containers but one',
    'medium',
    [counted, ofContainer({ default: { cpu: '200m' } })],
    { ...NONE, postgresql: '2' },
  ],
] as const)
  test(`CPU limits with ${what}`, async () => {
    assert.deepEqual(await limitsIn([...objects], { profile }), want)
  })

test('a bucket claim is refused on a cluster that does not provision buckets', async () => {
  const results = { kind: 's3', s3: { bucket_claim: { storage_class: 'buckets' } } }
  const vars = Vars.parse({ ...HOST, storage: { results } })
  await assert.rejects(discover(cluster([]), vars), {
    message:
      /^Cannot deploy: storage\.results\.s3\.bucket_claim .* no API group objectbucket\.io\)\n +try: /,
  })
  await discover(cluster([], ['objectbucket.io']), vars)
})
