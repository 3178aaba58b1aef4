import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BuildFailure } from '../build-failure.ts'
import type { BuildLog } from '../build-log.ts'
import { ROOT, runSandboxed, type SandboxRoot } from '../sandbox/sandbox.ts'
import { renderDnfConfig } from './dnf-config.ts'
import { faultOfDnf } from './dnf-faults.ts'
import { isRich, makeRichPackage, RICH_PACKAGE } from './rich-dependencies.ts'
import { clientTls } from './read-url.ts'
import { chrootParts, type Repository } from './repository.ts'

export interface InstallOptions {
  /** An existing directory for this run alone. */
  dir: string
  chroot: string
  root: SandboxRoot
  /** Path of the RPM database in the chroot. */
  dbPath: string
  /** Names, file paths, or dependencies with versions. */
  packages: string[]
  repositories: Repository[]
  log: BuildLog
  signal: AbortSignal
}

/**
 * Installs packages into a root: dnf downloads with network access, then installs without it, so that scriptlets cannot reach the
 * network. dnf keeps its downloads in the root itself, so projects share nothing, and a slow repository or a hanging scriptlet
 * holds up only its own project. Throws a {@link BuildFailure} if the repositories lack a package.
 */
export async function installPackages(options: InstallOptions): Promise<void> {
  const { log, packages } = options
  if (packages.length === 0) return
  requireNames(packages)
  await writeConfig(options)
  const rich = packages.filter(isRich)
  if (rich.length > 0) await makeRichPackage(rich, options)
  const wanted = [
    ...packages.filter((one) => !isRich(one)),
    ...(rich.length > 0 ? [RICH_PACKAGE] : []),
  ]

  const { version, arch } = chrootParts(options.chroot)
  const base = [
    'dnf',
    '--config',
    '/etc/dnf/dnf.conf',
    '--installroot',
    ROOT,
    '--releasever',
    version,
  ]
  const command = [
    ...base,
    ...(arch === 'i686' ? ['--forcearch', arch] : []),
    '--assumeyes',
    'install',
    ...wanted,
  ]
  const isRemote = options.repositories.some(({ url }) => !url.startsWith('file:'))
  log.command(command, 'root')
  const resolved = await runDnf(
    // metadata_expire=0 alone has a resolution of one second: it would miss changes published within the last one.
    [...command, '--refresh', '--downloadonly'],
    options,
    { network: isRemote },
    (chunk) => log.output(chunk, 'root'),
  )
  if (/^Nothing to do\.?$/m.test(resolved)) return
  await runDnf([...command, '--cacheonly'], options, { network: false }, transactionOnly(log))
}

/** Rejects names, given by users or builds, that dnf would parse as an option or a URL, or that contain control characters. */
function requireNames(packages: string[]): void {
  const bad = packages.find((one) => one === '' || /^-|:\/\/|\p{Cc}/u.test(one))
  if (bad !== undefined)
    throw new BuildFailure(
      `Cannot install ${JSON.stringify(bad)}: it is not a package or a dependency`,
    )
}

/** Returns an output handler that skips the package table, which was logged during the download. */
function transactionOnly(log: BuildLog): (chunk: Buffer) => void {
  let isOn = false
  let before = ''
  return (chunk) => {
    if (isOn) return log.output(chunk, 'root')
    before += chunk.toString('utf8')
    const at = before.search(/^(Running transaction|Error)/m)
    if (at < 0) return
    isOn = true
    log.output(before.slice(at), 'root')
  }
}

async function runDnf(
  command: string[],
  options: InstallOptions,
  { network }: { network: boolean },
  onOutput: (chunk: Buffer) => void,
): Promise<string> {
  const { dir, root, repositories, signal } = options
  const { code, output } = await runSandboxed({
    dir,
    root,
    as: 'tools',
    command,
    env: { HOME: '/root', LC_ALL: 'C.UTF-8' },
    network,
    binds: [
      { from: join(dir, 'etc-dnf'), to: 'etc/dnf', changes: 'forbidden' },
      { from: join(dir, 'etc-rpm'), to: 'etc/rpm', changes: 'forbidden' },
      ...(command.includes(RICH_PACKAGE)
        ? [
            {
              from: join(dir, 'rich'),
              to: dirname(RICH_PACKAGE).slice(1),
              changes: 'forbidden' as const,
            },
          ]
        : []),
      ...repositories
        .filter(({ url }) => url.startsWith('file:'))
        .map(({ url }) => ({
          from: fileURLToPath(url),
          to: `.${fileURLToPath(url)}`,
          changes: 'forbidden' as const,
        })),
      ...certificateDirs(repositories).map((dir) => ({
        from: dir,
        to: `.${dir}`,
        changes: 'forbidden' as const,
      })),
    ],
    onOutput,
    signal,
  })
  if (code === 0) return output
  const refused = repositories.find(({ guard }) => guard)?.guard?.refused.at(-1)
  if (refused !== undefined)
    throw new BuildFailure(`Cannot install packages into the root: ${refused}`)
  const fault = faultOfDnf(output, repositories)
  if (fault.isBuilds) throw new BuildFailure(fault.words)
  throw Object.assign(new Error(fault.words), fault.code && { code: fault.code })
}

/** Returns the directories of keys and certificates that the sandbox lacks by default. */
function certificateDirs(repositories: Repository[]): string[] {
  const files = repositories.flatMap(({ config }) => [
    ...Object.values(clientTls(config) ?? {}),
    ...(config.gpgkey ?? '')
      .split(/\s+/)
      .filter((url) => url.startsWith('file:'))
      .map((url) => fileURLToPath(url)),
  ])
  return [...new Set(files.map((file) => dirname(file)))].filter(
    (dir) => !/^\/(etc\/pki|usr)(\/|$)/.test(dir),
  )
}

/**
 * Since 4.20, rpm runs each scriptlet in its own namespaces, which the sandbox forbids: scriptlets would fail, and dnf would
 * continue without them. The sandbox already isolates scriptlets.
 */
const NO_UNSHARE = '%__transaction_unshare %{nil}'

async function writeConfig({ dir, repositories, dbPath }: InstallOptions): Promise<void> {
  await mkdir(join(dir, 'etc-dnf'), { recursive: true })
  await mkdir(join(dir, 'etc-rpm'), { recursive: true })
  await writeFile(join(dir, 'etc-dnf', 'dnf.conf'), renderDnfConfig(repositories))
  await writeFile(join(dir, 'etc-rpm', 'macros'), `%_dbpath ${dbPath}\n${NO_UNSHARE}\n`)
}
