import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { KubeObject } from '../src/cluster/kube-client.ts'
import { archiveImage } from '../src/cluster/nodes/image-archive.ts'
import { busyboxRoot, type RealNode, startRealNode } from '../src/cluster/nodes/real-node.ts'
import { whyNoNode } from '../src/cluster/requirements.ts'
import { type Cluster, startCluster } from '../src/cluster/start-cluster.ts'
import { processesOf } from '../src/system/processes.ts'
import { until } from '../src/system/until.ts'
import { claim, deployment, pod, podSpec } from './samples.ts'

const IMAGE = 'registry.invalid/probe:1'

suite('a node on which pods really run', { skip: whyNoNode(process.env['PATH']) }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'copr-real-node-'))
  let cluster: Cluster
  let node: RealNode

  before(async () => {
    const root = join(dir, 'root')
    busyboxRoot(root, ['sh', 'sleep', 'httpd', 'wget', 'id', 'cat', 'nslookup'])
    const archive = join(dir, 'probe.tar')
    await archiveImage(root, archive, { name: IMAGE, command: ['/bin/sleep', 'infinity'] })
    cluster = await startCluster()
    node = await startRealNode(cluster, { images: [archive] })
  })
  after(async () => {
    await node?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  })

  const spec = (script: string, more = {}, container = {}): object =>
    podSpec(
      { ...more, terminationGracePeriodSeconds: 0 },
      { image: IMAGE, command: ['/bin/sh', '-c', script], ...container },
    )
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
      { timeout_ms: 60_000, what: `${ref.kind} ${ref.metadata.name}`, seen: find },
    )
  }
  const logOf = async (object: KubeObject): Promise<string> => {
    const { namespace = '', name = '' } = object.metadata
    const args = ['--namespace', namespace, 'logs', name]
    const { ok, output } = await cluster.kubectl(cluster.admin, ...args)
    assert.ok(ok, output)
    return output
  }
  const hasEnded = ({ status }: KubeObject): boolean =>
    ['Succeeded', 'Failed'].includes(status.phase)

  test('a pod runs as any user with a read-only root, and its log can be read', async () => {
    const namespace = await cluster.createNamespace()
    const script =
      'id; cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo x > /x || echo refused'
    const more = { restartPolicy: 'Never', securityContext: { runAsUser: 1_000_650_000 } }
    const made = pod(namespace, 'who', spec(script, more))
    const { securityContext } = made['spec'].containers[0]
    made['spec'].containers[0].securityContext = {
      ...securityContext,
      readOnlyRootFilesystem: true,
    }
    await cluster.admin.client.create(made)
    await becomes(made, hasEnded)
    const log = await logOf(made)
    assert.match(log, /uid=1000650000 gid=0/)
    assert.ok(log.includes(namespace), log)
    assert.match(log, /refused/)
  })

  test('pods are reached through a Service by its name and through its node port, and kubectl exec works', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    const readinessProbe = { httpGet: { port: 8080, path: '/hello' }, periodSeconds: 1 }
    const volumes = [{ name: 'www', emptyDir: {} }]
    const volumeMounts = [{ name: 'www', mountPath: '/www' }]
    const script = 'echo served > /www/hello; exec httpd -f -p 8080 -h /www'
    const server = spec(script, { volumes }, { readinessProbe, volumeMounts })
    const web = deployment(namespace, 'web', 2, server)
    await client.create(web)
    await client.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], type: 'NodePort' },
    })
    const { spec: service } = await client.read({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace },
    })
    await becomes(web, ({ status }) => status.readyReplicas === 2)
    const asks = `until wget -q -O - http://web.${namespace}.svc.cluster.local/hello; do sleep 1; done`
    const asker = pod(namespace, 'asker', spec(asks, { restartPolicy: 'Never' }))
    await client.create(asker)
    await becomes(asker, hasEnded)
    assert.match(await logOf(asker), /served\n$/)
    const answer = await fetch(`http://${node.address}:${service.ports[0].nodePort}/hello`)
    assert.equal(await answer.text(), 'served\n')
    const exec = ['exec', 'deployment/web', '--', 'cat', '/www/hello']
    const { output } = await cluster.kubectl(cluster.admin, '--namespace', namespace, ...exec)
    assert.match(output, /served/)
  })

  test('a pod finds what an earlier pod wrote to the same claim', async () => {
    const { client } = cluster.admin
    const namespace = await cluster.createNamespace()
    await client.create(claim(namespace, 'data'))
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }]
    const volumeMounts = [{ name: 'data', mountPath: '/data' }]
    const once = (script: string): object =>
      spec(script, { volumes, restartPolicy: 'Never' }, { volumeMounts })
    const writer = pod(namespace, 'writer', once('echo kept > /data/file'))
    await client.create(writer)
    assert.equal((await becomes(writer, hasEnded))['status'].phase, 'Succeeded')
    const reader = pod(namespace, 'reader', once('cat /data/file'))
    await client.create(reader)
    await becomes(reader, hasEnded)
    assert.equal(await logOf(reader), 'kept\n')
  })

  test('a pod reaches the API server by the name of its Service', async () => {
    const namespace = await cluster.createNamespace()
    // busybox supports none of the server's ciphers: a TLS error is the expected result, because it shows that the server was reached.
    const script = 'wget -O - http://kubernetes.default.svc.cluster.local:443/version'
    const made = pod(namespace, 'api', spec(script, { restartPolicy: 'Never' }))
    await cluster.admin.client.create(made)
    await becomes(made, hasEnded)
    assert.match(await logOf(made), /HTTP\/1.\d 400 Bad Request/)
  })

  test('an image that was not loaded cannot be pulled', async () => {
    const namespace = await cluster.createNamespace()
    const made = pod(namespace, 'unknown', podSpec({}, { image: 'registry.invalid/unknown:1' }))
    await cluster.admin.client.create(made)
    await becomes(made, ({ status }) =>
      /ErrImagePull|ImagePullBackOff/.test(status.containerStatuses?.[0]?.state?.waiting?.reason),
    )
  })
})

suite('stopping a real node', { skip: whyNoNode(process.env['PATH']) }, () => {
  test('a node leaves no process, link, cgroup or forwarding on the machine', async () => {
    const links = (): string[] => Object.keys(networkInterfaces()).toSorted()
    const cgroups = (): string[] =>
      readdirSync('/sys/fs/cgroup').flatMap((name) => {
        const dir = join('/sys/fs/cgroup', name)
        const inside = statSync(dir).isDirectory() ? readdirSync(dir) : []
        return inside.filter((each) => /^[0-9a-f]{64}$/.test(each))
      })
    const look = () => ({
      links: links(),
      cgroups: cgroups(),
      forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
    })
    const before = look()
    const { dir, during } = await (async () => {
      await using cluster = await startCluster()
      await using _node = await startRealNode(cluster)
      return { dir: cluster.dir, during: look() }
    })()
    assert.notDeepEqual(during.links, before.links)
    assert.equal(during.forwarding, before.forwarding)
    assert.deepEqual(look(), before)
    assert.deepEqual(processesOf(dir), [])
  })
})
