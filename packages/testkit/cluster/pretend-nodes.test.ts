import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { KubeObject } from '../src/cluster/kube-client.ts'
import {
  type SimulatedPodBehavior,
  type PretendNodes,
  startPretendNodes,
} from '../src/cluster/nodes/pretend-nodes.ts'
import { whyNoCluster } from '../src/cluster/requirements.ts'
import { type Cluster, startCluster } from '../src/cluster/start-cluster.ts'
import { until } from '../src/system/until.ts'
import { claim, configMap, deployment, pod, podSpec } from './samples.ts'

suite('simulated nodes', { skip: whyNoCluster(process.env['PATH']) }, () => {
  let cluster: Cluster
  let nodes: PretendNodes
  const behaviors: Record<string, SimulatedPodBehavior> = {}

  before(async () => {
    cluster = await startCluster()
    const behavior = ({ metadata }: KubeObject): SimulatedPodBehavior | undefined =>
      behaviors[metadata.name ?? '']
    nodes = await startPretendNodes({ client: cluster.admin.client, count: 2, behavior })
  })
  after(async () => {
    await nodes?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  /** Waits until an object meets a condition. */
  async function becomes(
    ref: KubeObject,
    isSo: (found: KubeObject) => boolean,
  ): Promise<KubeObject> {
    const find = async () => await cluster.admin.client.find(ref)
    return await until(
      async () => {
        const found = await find()
        return found && isSo(found) ? found : undefined
      },
      { timeout_ms: 20_000, what: `${ref.kind} ${ref.metadata.name}`, seen: find },
    )
  }
  const waits = (reason: string) => (found: KubeObject) =>
    found['status'].containerStatuses?.[0]?.state?.waiting?.reason === reason
  const isReady = ({ status }: KubeObject): boolean =>
    status.conditions?.some((each: any) => each.type === 'Ready' && each.status === 'True')
  const eventsOf = async (object: KubeObject): Promise<string[]> => {
    const { namespace = '', name } = object.metadata
    const events = await cluster.admin.client.list('v1', 'Event', { namespace })
    return events.filter((e) => e['involvedObject'].name === name).map((e) => e['message'])
  }

  test('a Deployment rolls out, and its pods are deleted with it', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const wanted = deployment(namespace, 'web', 3)
    await client.create(wanted)
    const ready = await becomes(wanted, ({ status }) => status.readyReplicas === 3)
    assert.ok(ready['status'].conditions.some((each: any) => each.type === 'Available'))
    const pods = async () => await client.list('v1', 'Pod', { namespace })
    const addresses = (await pods()).map(({ status }) => status.podIP)
    assert.equal(new Set(addresses).size, 3)
    await client.delete(wanted, { propagationPolicy: 'Foreground' })
    await until(async () => (await pods()).length === 0, { timeout_ms: 20_000, what: 'no pods' })
  })

  test('a pod waits for the Secret that it mounts and the ConfigMap that it reads', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const envFrom = [{ configMapRef: { name: 'settings' } }]
    const volumes = [{ name: 'tls', secret: { secretName: 'tls' } }]
    const wanted = pod(namespace, 'waiting', podSpec({ volumes }, { envFrom }))
    await client.create(wanted)
    await becomes(wanted, waits('ContainerCreating'))
    await client.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tls', namespace } })
    await becomes(wanted, waits('CreateContainerConfigError'))
    await client.create(configMap(namespace, 'settings'))
    await becomes(wanted, isReady)
    const events = await eventsOf(wanted)
    assert.ok(events.includes('Error: configmap "settings" not found'), events.join('\n'))
    assert.ok(
      events.some((text) => text.includes('secret "tls" not found')),
      events.join('\n'),
    )
  })

  test('a claim gets its volume when its first pod is scheduled, and the volume is deleted with the claim', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const data = claim(namespace, 'data')
    await client.create(data)
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }]
    const user = pod(namespace, 'user', podSpec({ volumes }))
    await client.create(user)
    await becomes(user, isReady)
    const { spec } = await becomes(data, ({ status }) => status.phase === 'Bound')
    await client.delete(user)
    await client.delete(data)
    const metadata = { name: spec.volumeName }
    const gone = async () =>
      (await client.find({ apiVersion: 'v1', kind: 'PersistentVolume', metadata })) === undefined
    await until(gone, { timeout_ms: 20_000, what: 'the volume to be gone' })
  })

  test('a claim of the class out-of-space keeps its pod Pending', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    await client.create(claim(namespace, 'data', 'out-of-space'))
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }]
    const stuck = pod(namespace, 'stuck', podSpec({ volumes }))
    await client.create(stuck)
    const found = await becomes(
      claim(namespace, 'data'),
      ({ metadata }) => metadata.annotations?.['volume.kubernetes.io/selected-node'] !== undefined,
    )
    assert.equal(found['status'].phase, 'Pending')
    assert.equal((await client.read(stuck))['status'].phase, 'Pending')
  })

  test('a denied image, a crash and a failing probe are reported as a kubelet does, until they are fixed', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    behaviors['denied'] = { kind: 'image-denied', message: 'unauthorized: access denied' }
    behaviors['crashing'] = { kind: 'crashes', exit_code: 137, reason: 'OOMKilled' }
    behaviors['unready'] = {
      kind: 'never-ready',
      message: 'HTTP probe failed with statuscode: 503',
    }
    const [denied, crashing, unready] = ['denied', 'crashing', 'unready'].map((name) =>
      pod(namespace, name, podSpec()),
    ) as [KubeObject, KubeObject, KubeObject]
    for (const each of [denied, crashing, unready]) await client.create(each)
    await becomes(denied, waits('ImagePullBackOff'))
    const { status } = await becomes(crashing, waits('CrashLoopBackOff'))
    assert.equal(status.containerStatuses[0].lastState.terminated.reason, 'OOMKilled')
    await becomes(unready, ({ status: now }) => now.phase === 'Running' && now.podIP !== undefined)
    assert.match((await eventsOf(denied)).join('\n'), /unauthorized: access denied/)
    assert.match((await eventsOf(unready)).join('\n'), /statuscode: 503/)
    for (const name of Object.keys(behaviors)) delete behaviors[name]
    nodes.setBehavior(() => undefined)
    for (const each of [denied, crashing, unready]) await becomes(each, isReady)
  })

  test('a Job is complete when its pod has succeeded', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const job: KubeObject = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'once', namespace },
      spec: { template: { spec: podSpec({ restartPolicy: 'Never' }) } },
    }
    await client.create(job)
    await becomes(job, ({ status }) => status.succeeded === 1)
  })

  test('a pod that requests more than any node has is not scheduled', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const huge = pod(namespace, 'huge', podSpec({}, { resources: { requests: { cpu: '400' } } }))
    await client.create(huge)
    const { status } = await becomes(huge, ({ status: now }) => now.conditions !== undefined)
    assert.match(status.conditions[0].message, /Insufficient cpu/)
  })
})
