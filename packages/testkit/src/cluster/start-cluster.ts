import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunOutcome, run } from '@copr/process/run'
import { until } from '../system/until.ts'
import { type Binaries, clusterBinaries } from './binaries.ts'
import { type ControlPlane, prepareControlPlane } from './control-plane.ts'
import type { Daemon } from './daemon.ts'
import { KubeClient, KubeError, type KubeObject } from './kube-client.ts'
import { type Credential, writeKubeconfig } from './kubeconfig.ts'

const PREFIX = 'copr-cluster-'
const READY_MS = 120_000

/** A user of the cluster, with a kubeconfig for programs and a client for tests. */
export interface Identity {
  readonly name: string
  /** The path of the user's kubeconfig. */
  readonly kubeconfig: string
  readonly client: KubeClient
}

interface NamespaceOptions {
  /** The Pod Security level that is enforced; default: `restricted`. */
  podSecurity?: 'restricted' | 'baseline' | 'privileged'
  labels?: Record<string, string>
  /** Users who get the cluster role `admin` in the namespace, which makes them project administrators. */
  admins?: string[]
}

/**
 * A real API server with etcd, controllers and scheduler, but without nodes: pods stay Pending until there are nodes:
 * `startPretendNodes()` simulates pods in the API, `startRealNode()` runs them.
 *
 * ```ts
 * await using cluster = await startCluster()
 * const namespace = await cluster.createNamespace({ admins: ['ana'] })
 * const ana = await cluster.user('ana')        // a kubeconfig and a client with exactly her rights
 * await ana.client.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace } })
 * await cluster.kubectl(ana, 'get', 'configmaps', '--namespace', namespace)
 * ```
 *
 * One cluster serves all tests of a file, each with its own namespace. Skip tests with `whyNoCluster()`.
 */
export interface Cluster extends AsyncDisposable {
  readonly url: string
  /** PEM of the cluster's certificate authority. */
  readonly ca: string
  /** The path of the CA certificate. */
  readonly caFile: string
  /** The folder with all of the cluster's files; logs are in `logs/`. */
  readonly dir: string
  /** A member of the group `system:masters`, which bypasses RBAC. */
  readonly admin: Identity
  /** Seconds from the call of `startCluster()` until the cluster was ready for use. */
  readonly startSeconds: number
  /** Returns a user who has a certificate and no rights except those that tests grant to this name or these groups. */
  user(name: string, groups?: string[]): Promise<Identity>
  /** Returns only the certificate and key of such a user. */
  credential(name: string, groups?: string[]): Promise<Credential>
  /** Returns a service account with a token that is valid for an hour. The account is created if it does not exist. */
  serviceAccount(
    namespace: string,
    name: string,
    options?: { audiences?: string[] },
  ): Promise<Identity & { token: string }>
  /** Creates a namespace with a unique name. */
  createNamespace(options?: NamespaceOptions): Promise<string>
  kubectl(as: Identity, ...args: string[]): Promise<RunOutcome>
  /** Runs kubectl with `input` as its standard input. */
  kubectlWith(input: string, as: Identity, ...args: string[]): Promise<RunOutcome>
  /** Stops the API server, as happens during an upgrade of the cluster. */
  stopApiServer(): Promise<void>
  /** Starts the API server at the same address; returns once it is ready. */
  startApiServer(): Promise<void>
  /** Returns the last lines of all logs. */
  logs(): string
}

export interface ClusterOptions {
  /** Receives messages about slow steps, such as building Kubernetes on the first call on a machine. */
  progress?: (line: string) => void
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { progress = (line) => process.stderr.write(`${line}\n`) } = options
  const binaries = await clusterBinaries(progress)
  const began = performance.now()
  removeLeftovers()
  const dir = mkdtempSync(join(tmpdir(), PREFIX))
  writeFileSync(join(dir, 'owner'), String(process.pid))
  const cluster = new RunningCluster(dir, binaries, await prepareControlPlane(dir, binaries))
  try {
    await cluster.start()
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  }
  cluster.startSeconds = (performance.now() - began) / 1000
  return cluster
}

/** Deletes the folders of tests that were killed. The kernel has already killed their processes. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(PREFIX))) {
    const dir = join(tmpdir(), name)
    try {
      process.kill(Number(readFileSync(join(dir, 'owner'), 'utf8')), 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') rmSync(dir, { recursive: true })
    }
  }
}

class RunningCluster implements Cluster {
  readonly url: string
  readonly ca: string
  readonly caFile: string
  readonly dir: string
  readonly admin: Identity
  startSeconds = 0
  readonly #binaries: Binaries
  readonly #plane: ControlPlane
  readonly #clients: KubeClient[] = []
  #daemons: Daemon[] = []
  #apiServer: Daemon | undefined
  #files = 0
  #namespaces = 0

  constructor(dir: string, binaries: Binaries, plane: ControlPlane) {
    this.dir = dir
    this.#binaries = binaries
    this.#plane = plane
    this.url = plane.address.url
    this.ca = plane.address.ca
    this.caFile = plane.authority.certFile
    this.admin = this.#identity('cluster-admin', plane.admin)
  }

  async start(): Promise<void> {
    this.#daemons.push(this.#plane.startEtcd())
    await this.startApiServer()
    this.#daemons.push(this.#plane.startControllerManager(), this.#plane.startScheduler())
    // The controllers create these objects last in a new cluster.
    const inDefault = { namespace: 'default' }
    const made = [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', ...inDefault } },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-root-ca.crt', ...inDefault } },
      {
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name: 'system-cluster-critical' },
      },
    ]
    await this.#until('the controllers', async () => {
      const found = await Promise.all(made.map(async (ref) => await this.admin.client.find(ref)))
      return found.every((object) => object !== undefined)
    })
  }

  async startApiServer(): Promise<void> {
    this.#apiServer = this.#plane.startApiServer()
    this.#daemons.push(this.#apiServer)
    await this.#until('the API server', async () => {
      try {
        await this.admin.client.request<void>('GET', '/readyz?verbose=false')
        return true
      } catch (error) {
        // The response is "ok", which is not valid JSON.
        if (error instanceof SyntaxError) return true
        if (error instanceof KubeError || isConnectionError(error)) return false
        throw error
      }
    })
  }

  async stopApiServer(): Promise<void> {
    this.#daemons = this.#daemons.filter((each) => each !== this.#apiServer)
    await this.#apiServer?.stop()
  }

  async user(name: string, groups: string[] = []): Promise<Identity> {
    return this.#identity(name, await this.credential(name, groups))
  }

  async credential(name: string, groups: string[] = []): Promise<Credential> {
    return await this.#plane.authority.forUser(`user-${++this.#files}`, name, groups)
  }

  async serviceAccount(
    namespace: string,
    name: string,
    { audiences }: { audiences?: string[] } = {},
  ): Promise<Identity & { token: string }> {
    const { client } = this.admin
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }
    if (!(await client.find(account))) await client.create(account)
    const spec = { expirationSeconds: 3600, ...(audiences ? { audiences } : {}) }
    const { status } = await client.request(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec } },
    )
    const token = status.token as string
    const identity = this.#identity(`system:serviceaccount:${namespace}:${name}`, { token })
    return { ...identity, token }
  }

  async createNamespace(options: NamespaceOptions = {}): Promise<string> {
    const { podSecurity = 'restricted', labels = {}, admins = [] } = options
    const namespace = `test-${++this.#namespaces}`
    const enforce = { 'pod-security.kubernetes.io/enforce': podSecurity }
    const { client } = this.admin
    await client.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { ...enforce, ...labels } },
    })
    for (const user of admins) await client.create(adminBinding(namespace, user))
    // Pods are rejected until the namespace's default service account exists.
    const account = { name: 'default', namespace }
    await this.#until(`the service account of ${namespace}`, async () => {
      const ref = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account }
      return (await client.find(ref)) !== undefined
    })
    return namespace
  }

  async kubectl(as: Identity, ...args: string[]): Promise<RunOutcome> {
    return await this.kubectlWith('', as, ...args)
  }

  async kubectlWith(input: string, as: Identity, ...args: string[]): Promise<RunOutcome> {
    return await run(this.#binaries.kubectl, ['--kubeconfig', as.kubeconfig, ...args], {
      env: { HOME: this.dir },
      input,
    })
  }

  logs(): string {
    const dir = join(this.dir, 'logs')
    return readdirSync(dir)
      .map((name) => `--- ${name}\n${readFileSync(join(dir, name), 'utf8').slice(-3000)}`)
      .join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client[Symbol.dispose]()
    for (const daemon of this.#daemons.toReversed()) await daemon.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }

  #identity(name: string, credential: Credential): Identity {
    const kubeconfig = join(this.dir, `identity-${++this.#files}.kubeconfig`)
    writeKubeconfig(kubeconfig, this.#plane.address, { name, credential })
    const client = new KubeClient(this.#plane.address, credential)
    this.#clients.push(client)
    return { name, kubeconfig, client }
  }

  async #until(what: string, ask: () => Promise<boolean>): Promise<void> {
    await until(
      async () => {
        for (const daemon of this.#daemons) daemon.check()
        return await ask()
      },
      { timeout_ms: READY_MS, what, seen: () => this.logs() },
    )
  }
}

function adminBinding(namespace: string, user: string): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { generateName: 'admin-', namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  }
}

function isConnectionError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code ?? '')
}
