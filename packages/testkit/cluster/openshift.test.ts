import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { KubeError, type KubeObject } from '../src/cluster/kube-client.ts'
import { installOpenshift, type Openshift } from '../src/cluster/openshift/install-openshift.ts'
import { whyNoCluster } from '../src/cluster/requirements.ts'
import { type Cluster, startCluster } from '../src/cluster/start-cluster.ts'
import { until } from '../src/system/until.ts'
import { configMap, pod, podSpec } from './samples.ts'

const to = { kind: 'Service', name: 'web' }
const route = (namespace: string, name: string, spec: object): KubeObject => ({
  apiVersion: 'route.openshift.io/v1',
  kind: 'Route',
  metadata: { name, namespace },
  spec: { to, ...spec },
})
const says = (code: number, text: RegExp) => (error: unknown) =>
  error instanceof KubeError && error.code === code && text.test(error.message)

suite('OpenShift as a deployment sees it', { skip: whyNoCluster(process.env['PATH']) }, () => {
  let cluster: Cluster
  let openshift: Openshift
  const hidden = new Set<string>()

  before(async () => {
    cluster = await startCluster()
    openshift = await installOpenshift(cluster, {
      watches: ({ metadata }) => !hidden.has(metadata.name ?? ''),
    })
  })
  after(async () => {
    await openshift?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  async function seen<T>(
    ref: KubeObject,
    look: (found: KubeObject) => T | undefined | false,
  ): Promise<T> {
    const find = async () => await cluster.admin.client.find(ref)
    const answer = async () => {
      const found = await find()
      return found && look(found)
    }
    return await until(answer, {
      timeout_ms: 20_000,
      what: `${ref.kind} ${ref.metadata.name}`,
      seen: find,
    })
  }
  const verdict = async (ref: KubeObject) =>
    await seen(ref, ({ status }) => {
      const ingress = status?.ingress?.[0]
      return ingress && { host: ingress.host, ...ingress.conditions[0] }
    })

  test('a project administrator creates a Route with a subdomain, and reads its host from the status', async () => {
    const namespace = await cluster.createNamespace({ admins: ['ana'] })
    const { client } = await cluster.user('ana')
    const made = route(namespace, 'web', { subdomain: 'copr', tls: { termination: 'edge' } })
    const { spec } = await client.create(made)
    assert.deepEqual([spec.host, spec.wildcardPolicy, spec.to.weight], [undefined, 'None', 100])
    const { host, status } = await verdict(made)
    assert.deepEqual([host, status], [`copr.${openshift.appsDomain}`, 'True'])
  })

  test('a Route without a host gets a host made from its name and namespace', async () => {
    const namespace = await cluster.createNamespace()
    const made = route(namespace, 'plain', {})
    await cluster.admin.client.create(made)
    assert.equal((await verdict(made)).host, `plain-${namespace}.${openshift.appsDomain}`)
  })

  test('a Route whose host belongs to another namespace is not admitted, but the namespace that has the host can add other paths', async () => {
    const { client } = cluster.admin
    const [mine, other] = [await cluster.createNamespace(), await cluster.createNamespace()]
    const host = 'taken.example.org'
    const first = route(mine, 'first', { host })
    await client.create(first)
    assert.equal((await verdict(first)).status, 'True')
    const second = route(other, 'second', { host })
    await client.create(second)
    const { status, reason } = await verdict(second)
    assert.deepEqual([status, reason], ['False', 'HostAlreadyClaimed'])
    const path = route(mine, 'path', { host, path: '/results' })
    await client.create(path)
    assert.equal((await verdict(path)).status, 'True')
    await client.delete(first)
    await seen(second, ({ status: now }) => now.ingress[0].conditions[0].status === 'True')
  })

  test('a Route that no router watches has no status', async () => {
    const namespace = await cluster.createNamespace()
    hidden.add('ignored')
    const made = route(namespace, 'ignored', {})
    await cluster.admin.client.create(made)
    const later = route(namespace, 'later', {})
    await cluster.admin.client.create(later)
    await verdict(later)
    assert.equal((await cluster.admin.client.read(made))['status'], undefined)
    hidden.clear()
    openshift.lookAgain()
    await verdict(made)
  })

  test('changing the host of a Route requires a right that project administrators lack', async () => {
    const namespace = await cluster.createNamespace({ admins: ['bea'] })
    const { client } = await cluster.user('bea')
    const made = route(namespace, 'web', { host: 'one.example.org' })
    await client.create(made)
    await assert.rejects(
      client.patch(made, { spec: { host: 'two.example.org' } }),
      says(422, /routes\/custom-host/),
    )
    await client.patch(made, { spec: { path: '/api' } })
  })

  for (const [what, spec, text] of [
    ['an unknown termination', { tls: { termination: 'edgy' } }, /supported values: "edge"/],
    [
      'a path with passthrough',
      { path: '/a', tls: { termination: 'passthrough' } },
      /does not support paths/,
    ],
    ['a path that does not begin with a slash', { path: 'a' }, /spec\.path/],
    ['no termination', { tls: {} }, /spec\.tls\.termination: Required/],
  ] as const)
    test(`a Route with ${what} is refused`, async () => {
      const namespace = await cluster.createNamespace()
      await assert.rejects(
        cluster.admin.client.create(route(namespace, 'bad', spec)),
        says(422, text),
      )
    })

  test('a Route with an external certificate is admitted only if the router may read the certificate', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const tls = { termination: 'edge', externalCertificate: { name: 'public' } }
    const made = route(namespace, 'own', { tls })
    await client.create(made)
    const refused = await verdict(made)
    assert.equal(refused.reason, 'ExternalCertificateValidationFailed')
    assert.match(refused.message, /does not have permission to get secret public/)
    const group = 'rbac.authorization.k8s.io'
    const metadata = { name: 'router', namespace }
    const rule = { apiGroups: [''], resources: ['secrets'], resourceNames: ['public'] }
    await client.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'public', namespace },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': 'a', 'tls.key': 'b' },
    })
    await client.create({
      apiVersion: `${group}/v1`,
      kind: 'Role',
      metadata,
      rules: [{ ...rule, verbs: ['get', 'list', 'watch'] }],
    })
    await client.create({
      apiVersion: `${group}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: group, kind: 'Role', name: 'router' },
      subjects: [{ kind: 'ServiceAccount', name: 'router', namespace: 'openshift-ingress' }],
    })
    await seen(made, ({ status }) => status.ingress[0].conditions[0].status === 'True')
  })

  test('a Service gets a certificate for its name, and a ConfigMap gets the CA that issued the certificate', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const annotations = { 'service.beta.openshift.io/serving-cert-secret-name': 'web-tls' }
    await client.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace, annotations },
      spec: { ports: [{ port: 8443 }], selector: { app: 'web' } },
    })
    const bundle = configMap(namespace, 'service-ca')
    bundle.metadata.annotations = { 'service.beta.openshift.io/inject-cabundle': 'true' }
    await client.create(bundle)
    const metadata = { name: 'web-tls', namespace }
    const data = await seen(
      { apiVersion: 'v1', kind: 'Secret', metadata },
      (found) => found['data'],
    )
    const certificate = new X509Certificate(Buffer.from(data['tls.crt'], 'base64'))
    assert.equal(certificate.checkHost(`web.${namespace}.svc`), `web.${namespace}.svc`)
    const ca = await seen(bundle, (found) => found['data']?.['service-ca.crt'])
    assert.ok(certificate.verify(new X509Certificate(ca).publicKey))
    assert.equal(ca, openshift.serviceCa)
  })

  test('pods cannot choose their user ID unless their service account may use other security context constraints', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const fixed = podSpec({ securityContext: { runAsUser: 10001 } })
    await assert.rejects(
      client.create(pod(namespace, 'fixed', fixed)),
      says(403, /security context constraint/),
    )
    await client.create(pod(namespace, 'any', podSpec()))
    const pinned = pod(namespace, 'pinned', podSpec())
    pinned.metadata.annotations = { 'openshift.io/required-scc': 'restricted-v2' }
    await client.create(pinned)
    const wide = pod(namespace, 'wide', podSpec())
    wide.metadata.annotations = { 'openshift.io/required-scc': 'nested-container' }
    await assert.rejects(client.create(wide), says(403, /required scc/))
    const group = 'rbac.authorization.k8s.io'
    await client.create({
      apiVersion: `${group}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'builders', namespace },
      roleRef: {
        apiGroup: group,
        kind: 'ClusterRole',
        name: 'system:openshift:scc:nested-container',
      },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    })
    await until(
      async () =>
        await client.create(wide).then(
          () => true,
          () => false,
        ),
      { timeout_ms: 10_000, what: 'the right to be known' },
    )
  })

  test('a namespace has its range of user IDs, and any user can read the apps domain', async () => {
    const metadata = { name: await cluster.createNamespace() }
    const range = await seen(
      { apiVersion: 'v1', kind: 'Namespace', metadata },
      (found) => found.metadata.annotations?.['openshift.io/sa.scc.uid-range'],
    )
    assert.match(range, /^10\d{8}\/10000$/)
    const { spec } = await cluster.admin.client.read({
      apiVersion: 'config.openshift.io/v1',
      kind: 'Ingress',
      metadata: { name: 'cluster' },
    })
    assert.equal(spec.domain, openshift.appsDomain)
  })
})
