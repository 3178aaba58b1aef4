import assert from 'node:assert/strict'
import dns from 'node:dns'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { trustAuthorities } from '@copr/process/trust'
import { makeAuthority } from '@copr/testkit/cluster/certificates'
import { imageArchives, whyNoImages } from '@copr/testkit/cluster/nodes/copr-images'
import { serveFolder } from '@copr/testkit/cluster/nodes/folder-server'
import { startIngress } from '@copr/testkit/cluster/nodes/ingress'
import { startRealNode } from '@copr/testkit/cluster/nodes/real-node'
import { whyNoNode } from '@copr/testkit/cluster/requirements'
import { type Cluster, startCluster } from '@copr/testkit/cluster/start-cluster'
import { debianChroot, DISTRO_ARCH, DISTRO_RELEASE } from '@copr/demo-distro/chroot'
import { makeDistro } from '@copr/demo-distro/make-distro'
import { textAt } from '@copr/testkit/system/api-client'
import { logInByLink } from '@copr/testkit/system/log-in'
import { whyNoSystem } from '@copr/testkit/system/requirements'
import { CACHE_DIR } from '@copr/testkit/system/start-system'
import { tinySources } from '@copr/testkit/system/tiny-srpm'
import { until } from '@copr/testkit/system/until'
import { stringify } from 'yaml'
import { coprctl } from '@copr/cli/coprctl'

const HOST = 'copr.site.test'
const URL_OF_SITE = `https://${HOST}`
const NAMESPACE = 'copr'
const BUILDERS = `${NAMESPACE}-builders`
const PASSWORD = 'of this test only'
const skip =
  whyNoNode(process.env['PATH']) || whyNoSystem(process.env['PATH']) || (await whyNoImages())

/** Measures how many seconds each step takes, and keeps the order of the steps. */
class Stopwatch {
  readonly #steps: [string, number][] = []

  async time<T>(step: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    try {
      return await work()
    } finally {
      this.#steps.push([step, (performance.now() - began) / 1000])
    }
  }

  lines(): string[] {
    return this.#steps.map(([step, seconds]) => `${seconds.toFixed(1).padStart(6)} s  ${step}`)
  }
}

suite('a deployment whose pods really run', { skip }, () => {
  test('coprctl deploys a site, a builder pod builds a package, and dnf installs it through the Ingress', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'copr-test-real-'))
    const watch = new Stopwatch()
    await using opened = new AsyncDisposableStack()
    opened.defer(() => rmSync(dir, { recursive: true, force: true }))
    opened.defer(() => watch.lines().forEach((line) => t.diagnostic(line)))
    const signal = AbortSignal.timeout(600_000)
    const distro = await makeDistro({ dir: join(CACHE_DIR, 'distro'), signal })
    const archives = await watch.time('archives of the images (cached)', imageArchives)
    const cluster = opened.use(await watch.time('API server and controllers', startCluster))
    const node = opened.use(
      await watch.time('node', async () => await startRealNode(cluster, { hosts: [HOST] })),
    )
    const images = await watch.time('images onto the node', async () => {
      const load = async (archive: string): Promise<string> =>
        (await node.loadImage(archive))[0] ?? ''
      return {
        server: await load(archives.server),
        postgresql: await load(archives.postgresql),
        builder: await load(archives.builder),
      }
    })
    opened.use(await startIngress(cluster.admin.client, node.hostAddress))
    const mirror = opened.use(await serveFolder(distro.repoDir, node.hostAddress))
    opened.use(findHere(HOST, node.hostAddress))
    const authority = await makeAuthority(dir, 'Authority of this test')
    opened.use(trustAuthorities([authority.certFile]))
    await prepareNamespaces(cluster, authority)

    const link = await watch.time('coprctl deploy, until all is ready', async () => {
      const pool = {
        provider: 'kubernetes',
        namespace: BUILDERS,
        image: images.builder,
        tags: ['arch_x86_64'],
        max: 1,
        max_prealloc: 1,
        cpu: '500m',
        memory: '1Gi',
        ephemeral_storage: '10Gi',
        storage_class: 'standard',
        // containerd 1.6 does not support user namespaces for pods.
        privileged: true,
        host_users: true,
      }
      const { code, out, err } = await deploy(cluster, dir, images, {
        name: NAMESPACE,
        expose: { host: HOST, certificate: 'secret:public' },
        builders: { pods: { enabled: true, max: 1 }, pools: { pods: pool } },
      })
      assert.equal(code, 0, `${err}\n${await stateOf(cluster)}`)
      for (const line of err.split('\n')) if (/ready/.test(line)) t.diagnostic(line)
      return out.split('\n')[1] ?? ''
    })
    await addChroot(cluster, stringify(await debianChroot(mirror.url)))
    const api = await watch.time(
      'login by the link, token',
      async () => await logInByLink(link, { url: URL_OF_SITE, password: PASSWORD }),
    )
    using sources = tinySources()
    const srpm = await sources.make({ name: 'tiny' })
    await watch.time('project', async () => await api.createProject('first'))
    const { id } = await watch.time('upload', async () => await api.uploadBuild('first', srpm))
    await watch.time('build, from submit to published', async () => {
      const { state } = await api.waitForBuild(id, 180_000)
      assert.equal(state, 'succeeded', `${await api.log(id)}\n${await stateOf(cluster)}`)
    })
    await watch.time('dnf install in another pod', async () => {
      const log = await installInPod(cluster, images.builder, {
        ca: authority.cert,
        repo: await textAt(
          `${URL_OF_SITE}/coprs/${api.username}/first/repo/${DISTRO_RELEASE}/dnf.repo?arch=${DISTRO_ARCH}`,
        ),
      })
      assert.match(log, /tiny 1\.0 1\n$/)
    })
  })
})

/** Makes this process resolve a host to the given address, as the pods do. */
function findHere(host: string, address: string): Disposable {
  const { lookup } = dns
  const ours = (name: string, ...rest: unknown[]): void =>
    (lookup as (...all: unknown[]) => void)(name === host ? address : name, ...rest)
  dns.lookup = Object.assign(ours, { __promisify__: lookup.__promisify__ }) as typeof lookup
  return {
    [Symbol.dispose]: () => {
      dns.lookup = lookup
    },
  }
}

/** Prepares what the cluster's administrator provides: a namespace, and a Secret with the certificate for the public host. */
async function prepareNamespaces(
  { admin }: Cluster,
  authority: Awaited<ReturnType<typeof makeAuthority>>,
): Promise<void> {
  const { cert, key } = await authority.forServer('public', [HOST])
  await admin.client.create({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  })
  await admin.client.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'public', namespace: NAMESPACE },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert },
  })
}

async function deploy(
  cluster: Cluster,
  dir: string,
  images: { server: string; postgresql: string },
  vars: object,
): Promise<{ code: number; out: string; err: string }> {
  const [varsFile, lockFile] = [join(dir, 'vars.yml'), join(dir, 'images.lock.yaml')]
  writeFileSync(varsFile, stringify(vars))
  const { server, postgresql } = images
  const lock = { images: { server: { image: server }, postgresql: { image: postgresql } } }
  writeFileSync(lockFile, stringify(lock))
  const said = { out: '', err: '' }
  const files = ['--vars', varsFile, '--images', lockFile]
  const where = ['--kubeconfig', cluster.admin.kubeconfig, '--timeout', '180']
  const code = await coprctl(['deploy', ...files, ...where], {
    env: {},
    stdin: (async function* () {})(),
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
  })
  return { code, ...said }
}

/** Adds a chroot as a site's administrator does: in a pod that can reach the database. */
async function addChroot(cluster: Cluster, yaml: string): Promise<void> {
  const inServers = `--namespace ${NAMESPACE} exec --stdin deployment/servers --container backend --`
  const add = 'coprctl chroot add /dev/stdin --config /etc/copr/config/copr.yaml'
  const args = `${inServers} ${add}`.split(' ')
  const added = await cluster.kubectlWith(yaml, cluster.admin, ...args)
  assert.ok(added.ok, added.output)
}

/** Installs a package with dnf and the project's `.repo` file, in a pod that represents a user's machine. */
async function installInPod(
  cluster: Cluster,
  image: string,
  { ca, repo }: { ca: string; repo: string },
): Promise<string> {
  for (const line of ['gpgcheck=1', 'repo_gpgcheck=1'])
    assert.ok(repo.split('\n').includes(line), `the .repo file lacks ${line}:\n${repo}`)
  const { client } = cluster.admin
  const namespace = await cluster.createNamespace({ podSecurity: 'privileged' })
  const files = {
    'ca.crt': ca,
    'first.repo': repo.replace('skip_if_unavailable=True', 'skip_if_unavailable=False'),
  }
  await client.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'files', namespace },
    data: files,
  })
  const script = `set -e
cat /files/ca.crt >>/etc/ssl/certs/ca-certificates.crt
dnf -y --noplugins --installroot=/work/root --releasever=12 --setopt=reposdir=/files --setopt=cachedir=/work/cache install tiny
cat /work/root/usr/share/tiny/tiny`
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'user', namespace },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'dnf',
          image,
          command: ['/bin/sh', '-c', script],
          securityContext: { privileged: true, runAsUser: 0 },
          volumeMounts: [
            { name: 'files', mountPath: '/files' },
            { name: 'work', mountPath: '/work' },
          ],
        },
      ],
      volumes: [
        { name: 'files', configMap: { name: 'files' } },
        { name: 'work', emptyDir: {} },
      ],
    },
  }
  await client.create(pod)
  const ended = await until(
    async () => {
      const phase = (await client.read(pod))['status']?.phase as string
      return ['Succeeded', 'Failed'].includes(phase) && phase
    },
    { timeout_ms: 120_000, what: 'dnf', seen: async () => await stateOf(cluster) },
  )
  const { output } = await cluster.kubectl(cluster.admin, '-n', namespace, 'logs', 'user')
  assert.equal(ended, 'Succeeded', output)
  return output
}

/** Returns the state of the cluster, for diagnosing a failure. */
async function stateOf(cluster: Cluster): Promise<string> {
  const ask = async (...args: string[]): Promise<string> =>
    (await cluster.kubectl(cluster.admin, ...args)).output
  const pods = await ask('get', 'pods', '--all-namespaces', '-o', 'wide')
  const events = await ask('get', 'events', '--all-namespaces', '--field-selector=type=Warning')
  const logs = [
    await ask('-n', NAMESPACE, 'logs', 'deployment/resalloc', '--tail=20'),
    await ask('-n', NAMESPACE, 'logs', 'deployment/servers', '--all-containers', '--tail=20'),
    await ask('-n', BUILDERS, 'logs', '-l', 'copr.build/pool=pods', '--tail=40'),
  ]
  return [pods, events, ...logs].join('\n')
}
