import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { PoolConfig, type PoolConfigOf } from '@copr/contract/pools/provider-options'
import { silentLog } from '@copr/process/log'
import type { KubeObject } from '@copr/testkit/cluster/kube-client'
import { whyNoCluster } from '@copr/testkit/cluster/requirements'
import { type Cluster, startCluster } from '@copr/testkit/cluster/start-cluster'
import { kubernetesProvider } from '../src/providers/kubernetes/kubernetes.ts'
import type { Provider } from '../src/providers/provider.ts'
import { startOrder } from '../src/testing/orders.ts'
import { providerSuite } from '../src/testing/provider-suite.ts'
import type { ProviderFixture } from '../src/testing/provider-fixture.ts'
import { type ApiProxy, apiProxy } from './api-proxy.ts'

const skip = whyNoCluster(process.env['PATH'])
const OWNER = { installation_id: 'site-1', pool: 'pods' }
/** The role as documented, with all permissions that the manager needs. */
const RULES = [
  { apiGroups: [''], resources: ['pods'], verbs: ['create', 'get', 'list', 'delete'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'get', 'list', 'patch', 'delete'] },
]

/** Error responses of the API server, or of a proxy in front of it, by failure class. */
const REFUSALS = {
  quota: {
    code: 403,
    message: 'pods "x" is forbidden: exceeded quota: builders, requested: pods=1',
  },
  throttled: { code: 429, message: 'the server has received too many requests' },
  permission: {
    code: 403,
    message: 'pods is forbidden: User "resalloc" cannot create resource "pods"',
  },
}

suite('pods in a real API server', { skip }, () => {
  let cluster: Cluster
  before(async () => {
    cluster = await startCluster()
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
  })

  providerSuite('kubernetes', async () => await openFixture(cluster))

  test('start() reports a configuration error in a namespace that enforces the restricted level', async () => {
    await using fixture = await openFixture(cluster, { podSecurity: 'restricted' })
    const outcome = await startOne(fixture.provider(OWNER))
    assert.ok(!outcome.ok)
    assert.equal(outcome.failure, 'configuration')
    assert.match(outcome.message, /violates PodSecurity/)
  })

  test('start() reports an exhausted quota with its name', async () => {
    await using fixture = await openFixture(cluster)
    await cluster.admin.client.create({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'builders', namespace: fixture.namespace },
      spec: { hard: { pods: '1' } },
    })
    const provider = fixture.provider(OWNER)
    await quotaIsKnown(cluster, fixture.namespace)
    const first = await startOne(provider, 1)
    assert.ok(first.ok)
    const second = await startOne(provider, 2)
    assert.ok(!second.ok)
    assert.equal(second.failure, 'quota')
    assert.match(second.message, /exceeded quota: builders/)
  })

  test('start() reports a permission error in a namespace where the account has no permissions', async () => {
    await using fixture = await openFixture(cluster, { namespace: 'nowhere' })
    const outcome = await startOne(fixture.provider(OWNER))
    // The API server does not reveal to an account without permissions whether the namespace exists.
    assert.equal(outcome.ok ? 'started' : outcome.failure, 'permission')
  })

  test('start() reports a conflict on the ResourceQuota as an unknown failure, and succeeds when it is retried', async () => {
    await using fixture = await openFixture(cluster)
    const message = 'Operation cannot be fulfilled on resourcequotas "builders"'
    fixture.proxy.fail(/^POST .*\/pods/, { code: 409, message })
    const outcome = await startOne(fixture.provider(OWNER))
    assert.deepEqual(outcome, { ok: false, failure: 'unknown', message })
    assert.ok((await startOne(fixture.provider(OWNER))).ok)
  })

  test('start() reports an unreachable API server as an unknown failure, and succeeds when it is retried', async () => {
    await using fixture = await openFixture(cluster)
    await cluster.stopApiServer()
    const outcome = await startOne(fixture.provider(OWNER))
    assert.equal(outcome.ok ? 'started' : outcome.failure, 'unknown')
    await assert.rejects(Array.fromAsync(fixture.provider(OWNER).list(soon())))
    await cluster.startApiServer()
    assert.ok((await startOne(fixture.provider(OWNER))).ok)
  })

  test('the API server stores a pod and its secret as requested', async () => {
    await using fixture = await openFixture(cluster)
    const { provider_id } = await mustStart(fixture.provider(OWNER))
    const pod = await cluster.admin.client.read(refOf('Pod', fixture.namespace, provider_id))
    const { spec, metadata } = pod
    assert.equal(spec.hostUsers, false)
    assert.equal(spec.automountServiceAccountToken, false)
    assert.equal(spec.restartPolicy, 'Never')
    assert.deepEqual(spec.containers[0].resources.requests, spec.containers[0].resources.limits)
    assert.equal(metadata.labels?.['copr.build/machine'], '1')
    assert.ok(!JSON.stringify(pod).includes('enroll-1"'), 'the token is only in the secret')
    const secret = await cluster.admin.client.read(refOf('Secret', fixture.namespace, provider_id))
    assert.equal(Buffer.from(secret['data']['enroll-token'], 'base64').toString(), 'enroll-1')
  })

  test('list() reports how each pod ended', async () => {
    await using fixture = await openFixture(cluster)
    const provider = fixture.provider(OWNER)
    const { provider_id } = await mustStart(provider)
    const statuses: [Record<string, unknown>, Record<string, unknown>][] = [
      [{ phase: 'Running' }, { state: 'running' }],
      [
        { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory' },
        { state: 'ended', cause: 'interrupted', message: 'The node was low on resource: memory' },
      ],
    ]
    for (const [status, expected] of statuses) {
      await cluster.admin.client.patch(
        refOf('Pod', fixture.namespace, provider_id),
        { status },
        'status',
      )
      const [pod] = (await Array.fromAsync(provider.list(soon()))).filter(
        ({ kind }) => kind === 'machine',
      )
      assert.partialDeepStrictEqual(pod, expected)
    }
  })

  test('list() returns all pods even if there are more than a thousand', async () => {
    await using fixture = await openFixture(cluster)
    const provider = fixture.provider(OWNER)
    const { provider_id } = await mustStart(provider)
    const ref = refOf('Secret', fixture.namespace, provider_id)
    const secret = await cluster.admin.client.read(ref)
    const { labels } = secret.metadata
    const copies = Array.from({ length: 1_100 }, (_, at) => at)
    while (copies.length > 0)
      await Promise.all(
        copies.splice(0, 50).map(async (at) => {
          const metadata = {
            name: `copy-${at}`,
            namespace: fixture.namespace,
            labels: labels ?? {},
          }
          await cluster.admin.client.create({ apiVersion: 'v1', kind: 'Secret', metadata })
        }),
      )
    assert.equal((await Array.fromAsync(provider.list(soon()))).length, 1_102)
  })

  test('diagnose() reports what is missing, and no problem for a working pool', async () => {
    await using fixture = await openFixture(cluster)
    const provider = fixture.provider(OWNER)
    const well = await provider.diagnose?.(soon())
    assert.deepEqual(
      well?.filter(({ problem }) => problem !== undefined),
      [],
    )
    await cluster.admin.client.patch(
      {
        apiVersion: RBAC,
        kind: 'Role',
        metadata: { name: 'resalloc', namespace: fixture.namespace },
      },
      { rules: RULES.slice(0, 1) },
    )
    const findings = await untilFound(async () => await provider.diagnose?.(soon()))
    assert.deepEqual(
      findings.map(({ subject }) => subject),
      ['create', 'get', 'list', 'patch', 'delete'].map(
        (verb) => `${verb} secrets in ${fixture.namespace}`,
      ),
    )
    assert.match(findings[0]?.problem ?? '', /give it a role/)
  })
})

const RBAC = 'rbac.authorization.k8s.io/v1'

interface PodFixture extends ProviderFixture {
  readonly namespace: string
  readonly proxy: ApiProxy
  provider(owner: { installation_id: string; pool: string }): Provider
}

/** Opens a namespace with an account that has the documented permissions there and that connects through a proxy. */
async function openFixture(
  cluster: Cluster,
  options: { namespace?: string; podSecurity?: 'restricted' | 'privileged' } = {},
): Promise<PodFixture> {
  const made = await cluster.createNamespace({ podSecurity: options.podSecurity ?? 'privileged' })
  const namespace = options.namespace ?? made
  const account = await cluster.serviceAccount(made, 'resalloc')
  await giveRole(cluster, made)
  const proxy = await apiProxy({ url: cluster.url, ca: cluster.ca, token: account.token })
  const config = poolConfig(cluster, proxy, namespace)
  return {
    namespace,
    proxy,
    provider: (owner) =>
      kubernetesProvider(config, { ...owner, log: silentLog(), now: () => new Date() }),
    endMachine: async (name) => {
      const status = { phase: 'Succeeded' }
      await cluster.admin.client.patch(refOf('Pod', namespace, name), { status }, 'status')
    },
    loseNextStart: () => proxy.fail(/^POST .*\/pods/, 'lose_answer'),
    breakNextListing: () => proxy.fail(/^GET .*\/pods\?/, 'break_answer'),
    hang: () => proxy.hang(),
    failNextStart: (failure) => {
      if (failure === 'no_capacity') return { cannot: 'a pod that finds no node waits for one' }
      proxy.fail(/^POST .*\/pods/, REFUSALS[failure])
      return undefined
    },
    owners: async () => {
      const kinds = await Promise.all(
        ['Pod', 'Secret'].map(
          async (kind) => await cluster.admin.client.list('v1', kind, { namespace }),
        ),
      )
      return kinds.flat().map(ownerOf)
    },
    [Symbol.asyncDispose]: async () => await proxy[Symbol.asyncDispose](),
  }
}

function ownerOf({ metadata: { labels = {} } }: KubeObject) {
  const installation_id = labels['copr.build/installation']
  if (installation_id === undefined) return undefined
  return { installation_id, machine_id: Number(labels['copr.build/machine']) }
}

async function giveRole(cluster: Cluster, namespace: string): Promise<void> {
  const metadata = { name: 'resalloc', namespace }
  await cluster.admin.client.create({ apiVersion: RBAC, kind: 'Role', metadata, rules: RULES })
  await cluster.admin.client.create({
    apiVersion: RBAC,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'resalloc' },
    subjects: [{ kind: 'ServiceAccount', name: 'resalloc', namespace }],
  })
  // A new role takes effect with a delay.
  const resourceAttributes = { namespace, verb: 'create', resource: 'secrets' }
  const user = `system:serviceaccount:${namespace}:resalloc`
  for (;;) {
    const review = await cluster.admin.client.create({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: { user, resourceAttributes },
    })
    if (review['status'].allowed === true) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

let kubeconfigs = 0

function poolConfig(
  cluster: Cluster,
  proxy: ApiProxy,
  namespace: string,
): PoolConfigOf<'kubernetes'> {
  const kubeconfig = join(cluster.dir, `proxy-${++kubeconfigs}.kubeconfig`)
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'proxy',
      clusters: [
        { name: 'proxy', cluster: { server: proxy.url, 'insecure-skip-tls-verify': true } },
      ],
      users: [{ name: 'proxy', user: {} }],
      contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'proxy' } }],
    }),
  )
  const pool = PoolConfig.parse({
    provider: 'kubernetes',
    kubeconfig,
    namespace,
    image: 'registry.example/copr-builder:1',
    tags: ['arch_x86_64'],
  })
  assert.ok(pool.provider === 'kubernetes')
  return pool
}

const refOf = (kind: string, namespace: string, name: string) => ({
  apiVersion: 'v1',
  kind,
  metadata: { namespace, name },
})

const soon = (): AbortSignal => AbortSignal.timeout(60_000)

async function startOne(provider: Provider, machine_id = 1) {
  const [offering] = provider.offerings()
  assert.ok(offering)
  return await provider.start(startOrder(OWNER, machine_id, offering), soon())
}

async function mustStart(provider: Provider) {
  const outcome = await startOne(provider)
  assert.ok(outcome.ok, JSON.stringify(outcome))
  return outcome
}

/** Waits until the quota controller has processed the quota, because the quota is not enforced before that. */
async function quotaIsKnown(cluster: Cluster, namespace: string): Promise<void> {
  for (;;) {
    const ref = refOf('ResourceQuota', namespace, 'builders')
    const { status } = await cluster.admin.client.read(ref)
    if (status?.used !== undefined) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Waits until `ask` reports a problem: the authorizer applies changed roles with a delay. */
async function untilFound(
  ask: () => Promise<{ subject: string; problem?: string | undefined }[] | undefined>,
) {
  for (;;) {
    const found = (await ask())?.filter(({ problem }) => problem !== undefined) ?? []
    if (found.length > 0) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
