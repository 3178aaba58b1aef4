import { ROOT, runSandboxed, type SandboxRoot } from '../sandbox/sandbox.ts'

export interface RootQuery {
  root: SandboxRoot
  dbPath: string
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

async function queryAll({ root, dbPath, signal }: RootQuery, format: string): Promise<string> {
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
  if (code !== 0) throw new Error(`Cannot list the packages of the root: ${output.slice(-500)}`)
  return Buffer.concat(chunks).toString('utf8')
}
