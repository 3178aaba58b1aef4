import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { render } from '../render/render.ts'
import { sampleFacts } from '../testing/facts.ts'
import { memoryApi } from '../testing/memory-api.ts'
import { requireQuota, quotaProblems } from './quota-check.ts'

const objects = render(Vars.parse({}), sampleFacts('openshift'))

function quota(hard: object, more: { used?: object; scopes?: string[] } = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'tight', namespace: 'copr' },
    spec: { hard, ...(more.scopes ? { scopes: more.scopes } : {}) },
    status: { hard, used: more.used ?? {} },
  }
}

function range(limit: object): KubeObject {
  const metadata = { name: 'sizes', namespace: 'copr' }
  return { apiVersion: 'v1', kind: 'LimitRange', metadata, spec: { limits: [limit] } }
}

const sentences = async (given: KubeObject[]): Promise<string> =>
  (await quotaProblems(memoryApi(given), objects, 'copr'))
    .map(({ sentence }) => sentence)
    .join('\n')

/** A small deployment needs five pods and three volumes; its `servers` pod has two containers. */
for (const [what, hard, used, want] of [
  ['enough of all', { pods: '5', 'requests.cpu': '1', persistentvolumeclaims: '3' }, {}, ''],
  ['pods', { pods: '4' }, {}, 'capacity for 4 pods, and this needs 5 (4 in all, 0 used)'],
  [
    'pods that others partly use',
    { pods: '8' },
    { pods: '6' },
    'capacity for 2 pods, and this needs 5 (8 in all, 6 used)',
  ],
  ['cpu', { cpu: '100m' }, {}, 'capacity for 0.1 requests.cpu, and this needs 0.19'],
  [
    'memory',
    { 'requests.memory': '512Mi' },
    {},
    'capacity for 512Mi requests.memory, and this needs 960Mi',
  ],
  ['limits', { 'limits.memory': '1Gi' }, {}, 'capacity for 1024Mi limits.memory'],
  [
    'storage',
    { 'requests.storage': '10Gi' },
    {},
    'capacity for 10240Mi requests.storage, and this needs 35840Mi',
  ],
  [
    'kinds',
    { 'count/routes.route.openshift.io': '1' },
    {},
    'capacity for 1 count/routes.route.openshift.io',
  ],
] as const)
  test(`a quota of ${what}: ${want || 'sufficient'}`, async () => {
    const said = await sentences([quota(hard, { used })])
    assert.equal(said.split('\n').length, 1, said)
    assert.ok(want === '' ? said === '' : said.includes(want), said)
  })

test('only the increase over the live objects counts against a quota, and a finished Job does not count', async () => {
  const live = objects.map((object) =>
    object.kind === 'Job' ? { ...object, status: { succeeded: 1 } } : object,
  )
  const full = quota(
    { pods: '4', 'requests.memory': '1Gi' },
    { used: { pods: '4', 'requests.memory': '1Gi' } },
  )
  assert.equal(await sentences([...live, full]), '')
  const larger = render(Vars.parse({ profile: 'medium' }), sampleFacts('openshift'))
  const hints = await quotaProblems(memoryApi([...live, full]), larger, 'copr')
  assert.match(hints.map(({ sentence }) => sentence).join('\n'), /capacity for 0 pods/)
})

test('quotas whose scopes do not match the pods are ignored', async () => {
  assert.equal(await sentences([quota({ pods: '0' }, { scopes: ['BestEffort'] })]), '')
  assert.match(await sentences([quota({ pods: '0' }, { scopes: ['NotTerminating'] })]), /pods/)
})

test('limit ranges are checked, including their defaults', async () => {
  assert.match(
    await sentences([range({ type: 'Container', min: { memory: '128Mi' } })]),
    /Deployment keygen, container keygen: a range of the namespace asks for at least 128Mi memory, and this requests 96Mi/,
  )
  assert.match(
    await sentences([range({ type: 'Container', max: { cpu: '1' }, default: { cpu: '2' } })]),
    /allows 1 cpu, and this may need 2/,
  )
  assert.match(
    await sentences([range({ type: 'PersistentVolumeClaim', max: { storage: '15Gi' } })]),
    /PersistentVolumeClaim results: a range of the namespace allows 15Gi storage, and this may need 20Gi/,
  )
  assert.equal(await sentences([range({ type: 'Container', max: { memory: '4Gi' } })]), '')
})

test('the default limit of a limit range is an error only if it is below the request of a container', async () => {
  const least = (cpu: string): KubeObject => range({ type: 'Container', default: { cpu } })
  assert.equal(await sentences([least('50m')]), '')
  assert.match(
    await sentences([least('40m')]),
    /Deployment servers, container frontend: a range of the namespace limits it to 40m cpu, and this requests 50m/,
  )
})

test('the limits of a container take precedence over the default requests of a limit range', async () => {
  const [container] = [{ name: 'a', resources: { limits: { cpu: '2' } } }]
  const spec = { template: { spec: { containers: [container] } } }
  const metadata = { name: 'a', namespace: 'copr' }
  const pod: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec }
  const filled = range({ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '1' } })
  const hints = await quotaProblems(
    memoryApi([filled, quota({ 'requests.cpu': '1' })]),
    [pod],
    'copr',
  )
  assert.match(hints.map(({ sentence }) => sentence).join(), /this needs 2 \(1 in all/)
})

test('an autoscaled Deployment counts with its live replicas, or with the minimum of its autoscaler if it does not exist yet', async () => {
  const scaled = render(
    Vars.parse({ profile: 'large', storage: { results: { access: 'ReadWriteMany' } } }),
    sampleFacts('openshift'),
  )
  const podsOf = async (given: KubeObject[]): Promise<string> =>
    (await quotaProblems(memoryApi([quota({ pods: '0' }), ...given]), scaled, 'copr'))
      .map(({ sentence }) => sentence)
      .join('\n')
  // One pod each for the database, the Job and dist-git, and three replicas each of frontend, backend and keygen.
  assert.match(await podsOf([]), /this needs 12 /)
  const frontend = scaled.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'frontend',
  )!
  const grown = { ...frontend, spec: { ...(frontend['spec'] as object), replicas: 7 } }
  assert.match(await podsOf([grown]), /this needs 9 /)
})

test('the error of requireQuota() suggests a command', async () => {
  await assert.rejects(requireQuota(memoryApi([quota({ pods: '1' })]), objects, 'copr'), {
    message: /^Cannot deploy: the quota tight .*\n +try: kubectl -n copr describe quota,limitrange/,
  })
})
