import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { until } from '../../system/until.ts'
import { clusterBinaries } from '../binaries.ts'
import type { Daemon } from '../daemon.ts'
import { writeKubeconfig } from '../kubeconfig.ts'
import type { Cluster } from '../start-cluster.ts'
import { startClusterDns } from './cluster-dns.ts'
import { archiveImage } from './image-archive.ts'
import { PAUSE_IMAGE, writeNodeFiles } from './node-files.ts'
import { makeNodeNamespaces, type NodeNamespaces } from './node-namespaces.ts'
import { startStorage } from './storage.ts'

const API_PORT = 6443

export interface RealNodeOptions {
  /** Image archives (OCI or Docker) that pods can use, because there is no registry. */
  images?: string[]
  /** Host names that resolve to this machine's address in pods. */
  hosts?: string[]
}

export interface RealNode extends AsyncDisposable {
  /** The node's address, for NodePorts; pods are reached at their own addresses. */
  readonly address: string
  readonly name: string
  /** This machine's address, as seen by pods. */
  readonly hostAddress: string
  /** Loads an archive. Returns its images by digest, in the form in which pods name them: `NAME@sha256:…`. */
  loadImage(archive: string): Promise<string[]>
}

/**
 * Starts a node on which pods really run: kubelet, containerd, runc and kube-proxy in namespaces of their own, DNS for Services, and
 * folders as volumes. Unlike on an ordinary node, CPU and memory limits and NetworkPolicies are not enforced, there is no registry, and
 * pods cannot reach anything outside this machine. Skip tests with `whyNoNode()`.
 */
export async function startRealNode(
  cluster: Cluster,
  { images = [], hosts = [] }: RealNodeOptions = {},
): Promise<RealNode> {
  const dir = mkdtempSync(join(cluster.dir, 'node-'))
  for (const name of ['containerd', 'cni', 'kubelet', 'pki', 'pod-logs', 'volumes'])
    mkdirSync(join(dir, name))
  await using opened = new AsyncDisposableStack()
  const space = opened.use(await makeNodeNamespaces(dir))
  const files = writeNodeFiles({
    dir,
    nodeAddress: space.nodeAddress,
    podNetwork: space.podNetwork,
    dnsAddress: space.hostAddress,
    clientCa: cluster.caFile,
  })
  opened.use(await forwardApi(cluster, space.hostAddress))
  opened.use(await startClusterDns(cluster.admin.client, space.hostAddress, hosts))
  opened.use(await startStorage(cluster.admin.client, { volumesDir: join(dir, 'volumes') }))
  const node = new Node(cluster, space, dir, files)
  opened.defer(async () => await node.stop())
  await node.startContainerd()
  await node.loadImage(await makePauseImage(dir))
  for (const archive of images) await node.loadImage(archive)
  await node.join()
  const all = opened.move()
  return {
    address: space.nodeAddress,
    hostAddress: space.hostAddress,
    name: node.name,
    loadImage: async (archive) => await node.loadImage(archive),
    [Symbol.asyncDispose]: async () => await all[Symbol.asyncDispose](),
  }
}

class Node {
  readonly name = 'node-1'
  readonly #cluster: Cluster
  readonly #space: NodeNamespaces
  readonly #dir: string
  readonly #files: ReturnType<typeof writeNodeFiles>
  readonly #daemons: Daemon[] = []

  constructor(
    cluster: Cluster,
    space: NodeNamespaces,
    dir: string,
    files: ReturnType<typeof writeNodeFiles>,
  ) {
    this.#cluster = cluster
    this.#space = space
    this.#dir = dir
    this.#files = files
  }

  async startContainerd(): Promise<void> {
    this.#start('containerd', 'containerd', ['--config', this.#files.containerd])
    await until(
      async () =>
        await this.#ctr('version').then(
          () => true,
          () => false,
        ),
      {
        timeout_ms: 20_000,
        what: 'containerd',
        seen: () => this.#cluster.logs(),
      },
    )
  }

  async loadImage(archive: string): Promise<string[]> {
    const images = ['--namespace', 'k8s.io', 'images']
    const said = await this.#ctr(...images, 'import', archive)
    const loaded = [...said.matchAll(/^unpacking ((\S+):\S+) \((sha256:[0-9a-f]{64})\)/gm)]
    const byDigest: string[] = []
    for (const [, tagged = '', name, digest] of loaded) {
      const reference = `${name}@${digest}`
      await this.#ctr(...images, 'tag', '--force', tagged, reference)
      byDigest.push(reference)
    }
    return byDigest
  }

  /** Starts kubelet and kube-proxy; returns when the node is ready for pods. */
  async join(): Promise<void> {
    const { kubelet, 'kube-proxy': proxy } = await clusterBinaries(() => undefined)
    await publishApi(this.#cluster, this.#space.hostAddress)
    this.#start('kubelet', kubelet, [
      `--config=${this.#files.kubelet}`,
      `--kubeconfig=${await this.#kubeconfig(`system:node:${this.name}`, ['system:nodes'])}`,
      `--root-dir=${this.#dir}/kubelet`,
      `--cert-dir=${this.#dir}/pki`,
      `--hostname-override=${this.name}`,
      `--node-ip=${this.#space.nodeAddress}`,
    ])
    this.#start('kube-proxy', proxy, [
      `--kubeconfig=${await this.#kubeconfig('system:kube-proxy', [])}`,
      '--proxy-mode=iptables',
      `--cluster-cidr=${this.#space.podNetwork}`,
      `--hostname-override=${this.name}`,
      // 0 leaves these limits unchanged, because a node must not change limits of the whole machine.
      '--conntrack-max-per-core=0',
      '--conntrack-tcp-timeout-established=0',
      '--conntrack-tcp-timeout-close-wait=0',
    ])
    const ref = { apiVersion: 'v1', kind: 'Node', metadata: { name: this.name } }
    await until(
      async () => {
        for (const daemon of this.#daemons) daemon.check()
        const node = await this.#cluster.admin.client.find(ref)
        const ready = node?.['status']?.conditions?.find((each: any) => each.type === 'Ready')
        return ready?.status === 'True' && !node?.['spec'].taints
      },
      { timeout_ms: 60_000, what: 'the node to be ready', seen: () => this.#cluster.logs() },
    )
  }

  async stop(): Promise<void> {
    for (const daemon of this.#daemons.toReversed()) await daemon.stop()
  }

  #start(name: string, command: string, args: string[]): void {
    const logFile = join(this.#cluster.dir, 'logs', `${name}.log`)
    this.#daemons.push(this.#space.start({ name, command, args, logFile }))
  }

  async #ctr(...args: string[]): Promise<string> {
    return await this.#space.run('ctr', ['--address', this.#files.socket, ...args])
  }

  async #kubeconfig(name: string, groups: string[]): Promise<string> {
    const credential = await this.#cluster.credential(name, groups)
    const path = join(this.#dir, `${name.replaceAll(':', '-')}.kubeconfig`)
    // The server is verified by its name, because its certificate does not contain this address.
    const url = `https://${this.#space.hostAddress}:${API_PORT}`
    writeKubeconfig(
      path,
      { url, ca: this.#cluster.ca, serverName: 'kubernetes.default.svc' },
      { name, credential },
    )
    return path
  }
}

/** Forwards an address that the node can reach to the API server, which listens on the loopback interface only. */
async function forwardApi(cluster: Cluster, address: string): Promise<AsyncDisposable> {
  const port = Number(new URL(cluster.url).port)
  const open = new Set<{ destroy(): unknown }>()
  const server: Server = createServer((from) => {
    const to = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(API_PORT, address, resolve)
  })
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Publishes the endpoint of the Service `kubernetes`. An API server does this itself unless it listens on a loopback address. */
async function publishApi(cluster: Cluster, address: string): Promise<void> {
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'kubernetes' },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port: API_PORT, protocol: 'TCP' }],
  }
  await cluster.admin.client.apply(slice, 'testkit')
}

/** Creates the image of the pause container; its process keeps a pod's namespaces open. */
async function makePauseImage(dir: string): Promise<string> {
  const root = join(dir, 'pause')
  busyboxRoot(root, ['sleep'])
  const archive = join(dir, 'pause.tar')
  await archiveImage(root, archive, { name: PAUSE_IMAGE, command: ['/bin/sleep', 'infinity'] })
  rmSync(root, { recursive: true })
  return archive
}

/** Creates a root directory that contains only some of busybox's programs. */
export function busyboxRoot(root: string, programs: string[]): void {
  mkdirSync(join(root, 'bin'), { recursive: true })
  copyFileSync('/bin/busybox', join(root, 'bin', 'busybox'))
  for (const program of programs) symlinkSync('busybox', join(root, 'bin', program))
}
