import { BuildFailure } from '../build-failure.ts'
import { ROOT, runSandboxed, type SandboxRoot } from '../sandbox/sandbox.ts'

export interface RootQuery {
  root: SandboxRoot
  dbPath: string
  /** Whether users' packages, which may have damaged the database, are installed. */
  has_user_packages: boolean
  signal: AbortSignal
}

/** Returns a line for each installed package: NEVRA, build time (seconds since 1970), size (bytes). */
export async function listInstalled(query: RootQuery): Promise<string> {
  const lines = await queryAll(query, '%{NEVRA} %{BUILDTIME} %{SIZE}\\n')
  return lines.split('\n').filter(Boolean).toSorted().join('\n') + '\n'
}

/** Returns the names of all installed packages and of everything that they require. */
export async function listNames(query: RootQuery): Promise<string[]> {
  const lines = await queryAll(query, '%{NAME}\\n[%{REQUIRENAME}\\n]')
  return [...new Set(lines.split('\n'))]
    .filter((name) => name !== '' && !name.startsWith('rpmlib('))
    .toSorted()
}

async function queryAll(
  { root, dbPath, has_user_packages, signal }: RootQuery,
  format: string,
): Promise<string> {
  const command = ['rpm', '--root', ROOT, '--dbpath', dbPath, '-qa', '--qf', format]
  const chunks: Buffer[] = []
  const { code, output } = await runSandboxed({
    root,
    as: 'tools',
    command,
    env: { HOME: '/root', LC_ALL: 'C.UTF-8' },
    onOutput: (chunk) => chunks.push(chunk),
    signal,
  })
  if (code !== 0) {
    const message = `Cannot list the packages of the root: ${output.trim().slice(-500)}`
    throw has_user_packages ? new BuildFailure(message) : new Error(message)
  }
  return Buffer.concat(chunks).toString('utf8')
}
