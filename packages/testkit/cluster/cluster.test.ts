import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createPublicKey, type JsonWebKeyInput, verify } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { KubeError } from '../src/cluster/kube-client.ts'
import { whyNoCluster } from '../src/cluster/requirements.ts'
import { type Cluster, startCluster } from '../src/cluster/start-cluster.ts'
import { processesOf } from '../src/system/processes.ts'
import { until } from '../src/system/until.ts'
import { configMap, deployment, pod, podSpec } from './samples.ts'

const isForbidden = (error: unknown): boolean => error instanceof KubeError && error.code === 403

suite('a cluster with a real API server', { skip: whyNoCluster(process.env['PATH']) }, () => {
  let cluster: Cluster

  before(async () => {
    cluster = await startCluster()
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
  })

  test('a project administrator has the rights of the role admin, in that namespace only', async () => {
    const mine = await cluster.createNamespace({ admins: ['ana'] })
    const other = await cluster.createNamespace()
    const { client } = await cluster.user('ana')
    await client.create(configMap(mine, 'a'))
    await assert.rejects(client.create(configMap(other, 'a')), isForbidden)
    await assert.rejects(client.list('v1', 'Node'), isForbidden)
  })

  test('users get rights through their groups', async () => {
    const namespace = await cluster.createNamespace()
    await cluster.admin.client.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'viewers', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'team/viewers' }],
    })
    const viewer = await cluster.user('bo', ['team/viewers', 'others'])
    assert.ok((await viewer.client.list('v1', 'ConfigMap', { namespace })).length > 0)
    await assert.rejects(viewer.client.create(configMap(namespace, 'a')), isForbidden)
  })

  test('Pod Security restricted refuses a pod that may run as root', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    await assert.rejects(
      client.create(pod(namespace, 'probe', podSpec({}, { securityContext: {} }))),
      /violates PodSecurity "restricted/,
    )
    await client.create(pod(namespace, 'probe', podSpec()))
    const lenient = await cluster.createNamespace({ podSecurity: 'privileged' })
    await client.create(pod(lenient, 'probe', podSpec({}, { securityContext: {} })))
  })

  test('the token of a service account has its audience, and the published key verifies it', async () => {
    const namespace = await cluster.createNamespace()
    const account = await cluster.serviceAccount(namespace, 'backend', { audiences: ['keygen'] })
    const [header, payload, signature] = account.token.split('.')
    const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as {
      aud: string[]
    }
    assert.deepEqual(claims.aud, ['keygen'])
    const { keys } = await cluster.admin.client.request<{ keys: JsonWebKeyInput['key'][] }>(
      'GET',
      '/openid/v1/jwks',
    )
    const key = createPublicKey({ key: { ...keys[0] }, format: 'jwk' })
    const signed = Buffer.from(`${header}.${payload}`)
    assert.ok(verify('sha256', signed, key, Buffer.from(signature ?? '', 'base64url')))
    const own = await cluster.serviceAccount(namespace, 'backend')
    const review = await own.client.request(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' } },
    )
    assert.equal(review['status'].userInfo.username, own.name)
  })

  test('server-side apply records which manager owns which field', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    await client.apply(configMap(namespace, 'shared', { a: '1' }), 'deploy')
    await client.apply(configMap(namespace, 'shared', { b: '2' }), 'someone')
    const applied = await client.apply(configMap(namespace, 'shared', {}), 'deploy')
    assert.deepEqual(applied['data'], { b: '2' })
  })

  test('the controllers work: a Deployment creates pods, a quota limits them, deletion cleans up', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace } }
    await client.create({ ...quota, spec: { hard: { pods: '2' } } })
    await until(async () => (await client.read(quota))['status']?.hard !== undefined, {
      timeout_ms: 20_000,
      what: 'the quota to be known',
    })
    await client.create(deployment(namespace, 'probe', 3))
    const pods = async () => await client.list('v1', 'Pod', { namespace })
    const events = async () =>
      (await client.list('v1', 'Event', { namespace })).map((e) => e['message'])
    await until(async () => (await pods()).length === 2, {
      timeout_ms: 20_000,
      what: 'two pods',
      seen: pods,
    })
    await until(async () => (await events()).some((text) => /exceeded quota: q/.test(text)), {
      timeout_ms: 20_000,
      what: 'an event about the quota',
      seen: events,
    })
    const ref = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
    await client.delete(ref)
    await until(async () => (await client.find(ref)) === undefined, {
      timeout_ms: 30_000,
      what: 'the namespace to be gone',
      seen: async () => await client.find(ref),
    })
  })

  test('watch() yields the events of an object', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const stop = new AbortController()
    const query = `fieldSelector=metadata.namespace=${namespace},metadata.name=seen`
    const object = configMap(namespace, 'seen')
    await client.create(object)
    const seen: string[] = []
    // Each change is made when the event of the previous one arrives, because a watch that began only after a change would not report it.
    const watched = client.watch('v1', 'ConfigMap', { signal: stop.signal, query })
    for await (const { type } of watched) {
      seen.push(type)
      if (type === 'ADDED') await client.patch(object, { data: { a: '1' } })
      if (type === 'MODIFIED') await client.delete(object)
      if (type === 'DELETED') break
    }
    stop.abort()
    assert.deepEqual(seen, ['ADDED', 'MODIFIED', 'DELETED'])
  })

  test('kubectl runs as the given user', async () => {
    const namespace = await cluster.createNamespace({ admins: ['cyd'] })
    const cyd = await cluster.user('cyd')
    const whoami = await cluster.kubectl(cyd, 'auth', 'whoami', '--output', 'name')
    assert.ok(whoami.ok, whoami.output)
    const listed = await cluster.kubectl(cyd, '--namespace', namespace, 'get', 'configmaps')
    assert.match(listed.output, /kube-root-ca\.crt/)
    assert.equal((await cluster.kubectl(cyd, 'get', 'nodes')).ok, false)
  })

  test('the API server keeps its objects when it is stopped and started again', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    await client.create(configMap(namespace, 'kept'))
    await cluster.stopApiServer()
    await assert.rejects(client.read(configMap(namespace, 'kept')), /ECONNREFUSED|socket hang up/)
    await cluster.startApiServer()
    assert.ok(await client.read(configMap(namespace, 'kept')))
  })
})

suite('stopping a cluster', { skip: whyNoCluster(process.env['PATH']) }, () => {
  test('disposing of a cluster leaves no process and no file', async () => {
    const cluster = await startCluster()
    const { dir } = cluster
    assert.ok(processesOf(dir).length >= 4)
    await cluster[Symbol.asyncDispose]()
    assert.deepEqual(processesOf(dir), [])
    assert.equal(existsSync(dir), false)
  })
  test('a cluster whose test is killed stops at once, and the next start deletes its folder', async () => {
    const script = fileURLToPath(new URL('start-and-wait.ts', import.meta.url))
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
    const dir = chunk.toString()
    assert.ok(processesOf(dir).length >= 4)
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
    await until(() => processesOf(dir).length === 0, {
      timeout_ms: 5_000,
      what: 'the programs to end',
      seen: () => processesOf(dir),
    })
    assert.ok(existsSync(dir))
    await using _next = await startCluster()
    assert.equal(existsSync(dir), false)
  })
})
