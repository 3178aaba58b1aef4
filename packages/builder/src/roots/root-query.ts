import { BuildFailure } from '../build-failure.ts'
import type { SandboxLimits } from '../sandbox/limits.ts'
import { ROOT, runSandboxed, type SandboxRoot } from '../sandbox/sandbox.ts'

export interface RootQuery {
  root: SandboxRoot
  dbPath: string
  /** Whether users' packages are installed. They may have damaged the database. */
  has_user_packages: boolean
  limits: SandboxLimits
  signal: AbortSignal
}

/** Returns a line for each installed package, with its NEVRA, build time (seconds since 1970) and size (bytes). */
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
  { root, dbPath, has_user_packages, limits, signal }: RootQuery,
  format: string,
): Promise<string> {
  const command = ['rpm', '--root', ROOT, '--dbpath', dbPath, '-qa', '--qf', format]
  const chunks: Buffer[] = []
  const { code, output, exhausted } = await runSandboxed({
    root,
    as: 'tools',
    command,
    env: { HOME: '/root', LC_ALL: 'C.UTF-8' },
    limits,
    onOutput: (chunk) => chunks.push(chunk),
    signal,
  })
  if (code !== 0) {
    const message = `Cannot list the packages of the root: ${exhausted ?? output.trim().slice(-500)}`
    if (!has_user_packages) throw new Error(message)
    const hint = 'Find the package in the buildroot whose scriptlets damage its RPM database.'
    throw new BuildFailure(
      message,
      exhausted === undefined ? { category: 'dependency', hint } : { exhausted },
    )
  }
  return Buffer.concat(chunks).toString('utf8')
}
