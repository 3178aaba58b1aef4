import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@copr/domain/database/embedded-postgres'
import type { Binaries } from './binaries.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import { type Daemon, type DaemonOptions, startDaemon } from './daemon.ts'
import { type ClusterAddress, type Credential, writeKubeconfig } from './kubeconfig.ts'

/** The issuer of service account tokens, as on OpenShift. */
const ISSUER = 'https://kubernetes.default.svc'
export const SERVICE_NETWORK = '10.217.0.0/16'
const FIRST_SERVICE = '10.217.0.1'

/** Starts the programs of a control plane. All of its files are in one folder. */
export interface ControlPlane {
  readonly address: ClusterAddress
  readonly authority: Authority
  /** The cluster administrator's credential. */
  readonly admin: Credential
  startEtcd(): Daemon
  startApiServer(): Daemon
  startControllerManager(): Daemon
  startScheduler(): Daemon
}

/** Chooses ports and creates certificates, keys and kubeconfigs; starts nothing. */
export async function prepareControlPlane(dir: string, binaries: Binaries): Promise<ControlPlane> {
  const pki = join(dir, 'pki')
  for (const folder of [pki, join(dir, 'logs')]) mkdirSync(folder, { recursive: true })
  const authority = await makeAuthority(pki, 'test-cluster')
  const server = await authority.forServer('apiserver', [
    'localhost',
    'kubernetes.default.svc',
    '127.0.0.1',
    FIRST_SERVICE,
  ])
  const admin = await authority.forUser('admin', 'cluster-admin', ['system:masters'])
  const accountsKey = writeAccountsKey(pki)
  const ports = { api: await freePort(0), etcd: await freePort(0), peer: await freePort(0) }
  const address = { url: `https://127.0.0.1:${ports.api}`, ca: authority.cert }
  const kubeconfig = await componentKubeconfigs(dir, address, authority)
  const etcdUrl = `http://127.0.0.1:${ports.etcd}`

  const start = (name: keyof Binaries, args: DaemonOptions['args']): Daemon =>
    startDaemon({ name, command: binaries[name], args, logFile: join(dir, 'logs', `${name}.log`) })

  return {
    address,
    authority,
    admin,
    startEtcd: () =>
      start('etcd', [
        `--data-dir=${join(dir, 'etcd')}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
        `--listen-peer-urls=http://127.0.0.1:${ports.peer}`,
        // The data of a test cluster need not survive a crash of the machine.
        '--unsafe-no-fsync',
        '--log-level=warn',
      ]),
    startApiServer: () =>
      start('kube-apiserver', [
        `--etcd-servers=${etcdUrl}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${ports.api}`,
        `--cert-dir=${pki}`,
        `--tls-cert-file=${server.certFile}`,
        `--tls-private-key-file=${server.keyFile}`,
        `--client-ca-file=${authority.certFile}`,
        '--authorization-mode=Node,RBAC',
        '--enable-admission-plugins=NodeRestriction',
        '--allow-privileged=true',
        `--service-cluster-ip-range=${SERVICE_NETWORK}`,
        // Disabled because a loopback address cannot be the endpoint of a Service.
        '--endpoint-reconciler-type=none',
        `--service-account-issuer=${ISSUER}`,
        `--service-account-jwks-uri=${address.url}/openid/v1/jwks`,
        `--service-account-key-file=${accountsKey}`,
        `--service-account-signing-key-file=${accountsKey}`,
        // For logs and exec, the API server connects to nodes; they accept the administrator's certificate.
        `--kubelet-client-certificate=${admin.certFile}`,
        `--kubelet-client-key=${admin.keyFile}`,
        '--kubelet-preferred-address-types=InternalIP',
        '--profiling=false',
      ]),
    startControllerManager: () =>
      start('kube-controller-manager', [
        `--kubeconfig=${kubeconfig('kube-controller-manager')}`,
        '--use-service-account-credentials=true',
        `--service-account-private-key-file=${accountsKey}`,
        `--root-ca-file=${authority.certFile}`,
        `--cluster-signing-cert-file=${authority.certFile}`,
        `--cluster-signing-key-file=${authority.keyFile}`,
        '--leader-elect=false',
        '--secure-port=0',
        // The default rate limits are meant for an API server that has more clients than a single test.
        '--kube-api-qps=500',
        '--kube-api-burst=1000',
      ]),
    startScheduler: () =>
      start('kube-scheduler', [
        `--kubeconfig=${kubeconfig('kube-scheduler')}`,
        '--leader-elect=false',
        '--secure-port=0',
        '--kube-api-qps=500',
        '--kube-api-burst=1000',
      ]),
  }
}

/** Creates the RSA key that signs service account tokens. */
function writeAccountsKey(pki: string): string {
  const path = join(pki, 'service-accounts.key')
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  writeFileSync(path, privateKey, { mode: 0o600 })
  return path
}

async function componentKubeconfigs(
  dir: string,
  address: ClusterAddress,
  authority: Authority,
): Promise<(component: 'kube-controller-manager' | 'kube-scheduler') => string> {
  const pathOf = (component: string): string => join(dir, `${component}.kubeconfig`)
  for (const component of ['kube-controller-manager', 'kube-scheduler']) {
    const name = `system:${component}`
    const credential = await authority.forUser(component, name, [])
    writeKubeconfig(pathOf(component), address, { name, credential })
  }
  return pathOf
}
