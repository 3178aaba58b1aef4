import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { CACHE_DIR } from '../system/start-system.ts'

/** The Go module that pins the versions of the programs of a cluster. */
export const MODULE_DIR = fileURLToPath(new URL('../../../../tools/cluster/', import.meta.url))

const PACKAGES = {
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  etcd: 'go.etcd.io/etcd/server/v3',
} as const

type Binary = keyof typeof PACKAGES

/** The path of each program. */
export type Binaries = Record<Binary, string>

const NAMES = Object.keys(PACKAGES) as Binary[]

/** Returns the programs if the pinned versions have already been built; otherwise undefined. */
export function findBinaries(): Binaries | undefined {
  const dir = binariesDir()
  const found = Object.fromEntries(NAMES.map((name) => [name, join(dir, name)])) as Binaries
  return NAMES.every((name) => existsSync(found[name])) ? found : undefined
}

/**
 * Returns the programs of a cluster. The first call on a machine builds them from Go modules, which takes minutes; `progress` receives
 * status lines.
 */
export async function clusterBinaries(progress: (line: string) => void): Promise<Binaries> {
  const found = findBinaries()
  if (found) return found
  const dir = binariesDir()
  const work = `${dir}.${process.pid}`
  mkdirSync(work, { recursive: true })
  try {
    await build(`${dir}.lock`, work, progress)
    // Go names a binary after its package, and etcd's package is called `server`.
    renameSync(join(work, 'server'), join(work, 'etcd'))
    if (!findBinaries()) renameSync(work, dir)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const built = findBinaries()
  if (!built) throw new Error(`Cannot find what was built in ${dir}`)
  return built
}

function binariesDir(): string {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(MODULE_DIR, file)))
  hash.update(JSON.stringify(PACKAGES))
  return join(CACHE_DIR, `cluster-${hash.digest('hex').slice(0, 12)}`)
}

async function build(lock: string, out: string, progress: (line: string) => void): Promise<void> {
  const packages = Object.values(PACKAGES)
  const options = { cwd: MODULE_DIR, env: settingsOfGo() }
  const dependencies = await runOrThrow('go', ['list', '-deps', ...packages], options)
  const total = dependencies.trim().split('\n').length
  progress(`Building the test cluster from Go modules: ${total} packages, once for each version`)
  const args = ['-v', '-trimpath', '-ldflags', `-s -w ${await versionFlags(options)}`]
  let compiled = 0
  let said = performance.now()
  const onOutput = (chunk: Buffer): void => {
    compiled += chunk.toString().split('\n').length - 1
    if (performance.now() - said < 10_000) return
    said = performance.now()
    progress(`Building the test cluster: ${Math.min(compiled, total)} of ${total} packages`)
  }
  // flock serializes concurrent builds: the second one finds all packages in Go's build cache.
  const command = [lock, 'nice', '-n', '19', 'go', 'build', ...args, '-o', `${out}/`, ...packages]
  await runOrThrow('flock', command, { ...options, onOutput })
}

/** Returns linker flags that set the version: without them, the programs report v0.0.0-master. */
async function versionFlags(options: { cwd: string; env: Record<string, string> }) {
  const list = ['list', '-m', '-f', '{{.Version}}', 'k8s.io/kubernetes']
  const version = (await runOrThrow('go', list, options)).trim()
  const [major, minor] = version.slice(1).split('.')
  return Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor })
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ')
}

/** Returns Go's settings from the environment: each machine decides where modules are downloaded from. */
function settingsOfGo(): Record<string, string> {
  const isWanted = (name: string): boolean =>
    /^(GO|SSL_|XDG_)/.test(name) || /_proxy$/i.test(name) || name === 'HOME'
  const settings = Object.entries(process.env).flatMap(([name, value]) =>
    value !== undefined && isWanted(name) ? [[name, value] as const] : [],
  )
  // Static binaries need no C compiler.
  return { ...Object.fromEntries(settings), CGO_ENABLED: '0' }
}
