import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ModuleToggle } from '@copr/contract/builder-protocol'
import { formatDependency, type Requirement } from '@copr/rpm/package-info'
import { isRich } from '@copr/rpm/rich-dependency'
import { BuildFailure } from '../build-failure.ts'
import type { BuildLog } from '../build-log.ts'
import type { SandboxLimits } from '../sandbox/limits.ts'
import { ROOT, runSandboxed, type SandboxRoot } from '../sandbox/sandbox.ts'
import { renderDnfConfig } from './dnf-config.ts'
import { faultOfDnf, missingIn, unmetIn } from './dnf-faults.ts'
import { lineFilter } from './line-filter.ts'
import { clientTls } from './read-url.ts'
import { chrootParts, type Repository } from './repository.ts'
import { checkRequirements, shortened } from './requirements.ts'
import {
  bindOf,
  type RequirementsPackages,
  withoutPackage,
  writeRequirementsPackages,
} from './requirements-package.ts'

export interface InstallOptions {
  /** An existing directory for this run alone. */
  dir: string
  limits: SandboxLimits
  chroot: string
  root: SandboxRoot
  /** Path of the RPM database in the chroot. */
  dbPath: string
  /** Arguments of `dnf install`, as in mock: names, patterns and groups; also rich dependencies, which dnf itself does not accept. */
  packages: string[]
  /** Dependencies of a spec, which must be interpreted only by rpm's own rules. */
  requires: Requirement[]
  repositories: Repository[]
  log: BuildLog
  signal: AbortSignal
}

/**
 * Maximum number of packages into which the requirements are divided to find those that are not met; writing more packages would take
 * minutes.
 */
const MAX_PARTS = 200

/**
 * Installs packages into a buildroot. dnf first downloads with network access and then installs without it, so that scriptlets cannot reach
 * the network. dnf keeps its downloads in the buildroot itself, so projects share nothing, and a slow repository or a hanging scriptlet
 * holds up only its own project. Throws a {@link BuildFailure} if the repositories lack a package.
 *
 * One empty package carries the requirements, and is removed from the RPM database after the installation. Earlier requirements must be
 * passed again if they must still be met when this function returns.
 */
export async function installPackages(options: InstallOptions): Promise<void> {
  const { log } = options
  const isRichWord = (name: string): boolean => isRich({ name })
  const words = options.packages.filter((one) => !isRichWord(one))
  const requires = [
    ...options.requires,
    ...options.packages
      .filter(isRichWord)
      .map((name): Requirement => ({ name, comparison: '', version: '' })),
  ]
  if (words.length + requires.length === 0) return
  requireNames(words)
  checkRequirements(requires)
  await writeConfig(options)
  const carrier = requires.length > 0 ? await writeRequirements(options, [requires]) : undefined
  const command = [...dnfOf(options), '--assumeyes', 'install', ...words, ...(carrier?.paths ?? [])]
  if (carrier)
    log.line(
      `Requirements: ${requires.map((one) => shortened(formatDependency(one))).join(', ')}`,
      'root',
    )
  log.command(command, 'root')
  const resolved = await runDnf(
    // With metadata_expire=0 alone, which has a resolution of one second, dnf would miss changes published within the last second.
    [...command, '--refresh', '--downloadonly'],
    options,
    {
      network: options.repositories.some(({ url }) => !url.startsWith('file:')),
      carrier,
      write: (text) => log.output(text, 'root'),
    },
  )
  if (resolved.code !== 0) throw await failureOf(resolved.output, requires, options)
  if (isNothingToDo(resolved.output, carrier)) return
  const install = [...command, '--cacheonly']
  const installed = await runDnf(
    carrier ? thenRemove(install, carrier, options) : install,
    options,
    { carrier, write: transactionOnly(log) },
  )
  if (installed.code === 0) return
  // dnf has installed the package with the requirements, so only a scriptlet can have removed it.
  if (installed.output.includes(NOT_REMOVED))
    throw new BuildFailure(
      `Cannot install packages into the root: a package has damaged its RPM database: ${installed.output.trim().split('\n').at(-1)?.slice(0, 500) ?? ''}`,
      {
        category: 'dependency',
        hint: 'Find the package in the buildroot whose scriptlets damage it.',
      },
    )
  throw failureIn(installed.output, options)
}

/**
 * Enables and disables module streams in an empty buildroot, in the given order. dnf then installs packages only from the enabled streams.
 * Throws a {@link BuildFailure} if no repository has such a module, or if two modules exclude each other.
 */
export async function toggleModules(
  options: Omit<InstallOptions, 'packages' | 'requires'>,
  modules: ModuleToggle[],
): Promise<void> {
  const { log, repositories } = options
  requireNames(modules.map(({ module }) => module))
  await writeConfig(options)
  const network = repositories.some(({ url }) => !url.startsWith('file:'))
  for (const { action, module } of modules) {
    const command = [...dnfOf(options), '--assumeyes', '--refresh', 'module', action, module]
    log.command(command, 'root')
    const { code, output } = await runDnf(command, options, {
      network,
      carrier: undefined,
      write: (text) => log.output(text, 'root'),
    })
    if (code === 0) continue
    if (/Failed to download metadata/.test(output)) throw failureIn(output, options)
    const reason = moduleFault(output)
    throw new BuildFailure(`Cannot ${action} the module ${module}: ${reason}`, {
      category: 'dependency',
    })
  }
}

/** Extracts from dnf's output why it refuses a module. */
function moduleFault(output: string): string {
  if (
    /^(missing groups or modules: |No match(es)? for argument|Unable to resolve argument )/im.test(
      output,
    )
  )
    return 'no repository of the build has it'
  const at = output.search(/^(Error|Failed)/m)
  return output.slice(Math.max(at, 0)).trim().replaceAll(/\s+/g, ' ').slice(0, 500)
}

/** Throws for names, given by users or administrators, that dnf would parse as an option or a URL, or that contain control characters. */
function requireNames(words: string[]): void {
  const bad = words.find((one) => one === '' || /^-|:\/\/|\p{Cc}/u.test(one))
  if (bad !== undefined)
    throw new BuildFailure(
      `Cannot install ${JSON.stringify(bad)}: it is not a package or a dependency`,
      {
        category: 'dependency',
        hint: 'Correct the packages that the chroot of the project adds to the buildroot.',
      },
    )
}

async function writeRequirements({ dir }: Pick<InstallOptions, 'dir'>, sets: Requirement[][]) {
  return await writeRequirementsPackages(join(dir, 'requires'), sets)
}

function dnfOf({ chroot }: Pick<InstallOptions, 'chroot'>): string[] {
  const { version, arch } = chrootParts(chroot)
  // oxfmt-ignore
  return [
    'dnf', '--config', '/etc/dnf/dnf.conf', '--installroot', ROOT, '--releasever', version,
    ...(arch === 'i686' ? ['--forcearch', arch] : []),
  ]
}

/** Returns whether everything is already installed, so that dnf would install only the package that carries the requirements. */
function isNothingToDo(output: string, carrier: RequirementsPackages | undefined): boolean {
  if (!carrier) return /^Nothing to do\.?$/m.test(output)
  return /^Transaction Summary\n=+\nInstall +1 Package\n\n/m.test(output)
}

/**
 * Returns a command that runs `install` and, if it succeeds, removes the package with the requirements from the RPM database, so that no
 * build sees it. The removal fails unless dnf has installed the package, which rpm allows only if the requirements are met.
 */
function thenRemove(
  install: string[],
  { name }: RequirementsPackages,
  { dbPath }: InstallOptions,
): string[] {
  return ['/bin/sh', '-c', INSTALL_AND_REMOVE, 'sh', dbPath, name, ...install]
}

const NOT_REMOVED = 'Error: cannot remove the requirements from the RPM database'
/** rpm's output is shown only if it fails, because on Debian rpm always warns that Debian has another package manager. */
const INSTALL_AND_REMOVE = `
dbpath=$1 name=$2
shift 2
"$@" || exit
output=$(rpm --root ${ROOT} --dbpath "$dbpath" --erase --justdb --nodeps --noscripts --notriggers "$name" 2>&1) || {
  echo "${NOT_REMOVED}: $output"
  exit 1
}
`

/** Returns an output handler that skips dnf's package table, which was already logged during the download. */
function transactionOnly(log: BuildLog): (text: string) => void {
  let isOn = false
  let before = ''
  return (text) => {
    if (isOn) return log.output(text, 'root')
    before += text
    const at = before.search(/^(Running transaction|Error)/m)
    if (at < 0) return
    isOn = true
    log.output(before.slice(at), 'root')
  }
}

/** Maximum length of the output that is collected from dnf, as shown to readers. */
const MAX_OUTPUT_LENGTH = 4 * 1024 * 1024

interface DnfRun {
  network?: boolean
  carrier: RequirementsPackages | undefined
  write: (text: string) => void
}

/** Runs dnf; returns its exit code, and its output as readers should see it. */
async function runDnf(
  command: string[],
  options: Omit<InstallOptions, 'packages' | 'requires'>,
  { network = false, carrier, write }: DnfRun,
): Promise<{ code: number; output: string }> {
  const { dir, limits, root, repositories, signal } = options
  let output = ''
  const filter = lineFilter(
    (line) => (carrier ? withoutPackage(line, carrier.name) : line),
    (text) => {
      if (output.length < MAX_OUTPUT_LENGTH) output += text
      write(text)
    },
  )
  const { code, exhausted } = await runSandboxed({
    root,
    as: 'tools',
    command,
    env: { HOME: '/root', LC_ALL: 'C.UTF-8' },
    limits,
    network: network ? 'host' : 'none',
    binds: [
      { from: join(dir, 'etc-dnf'), to: '/etc/dnf', changes: 'forbidden' },
      { from: join(dir, 'etc-rpm'), to: '/etc/rpm', changes: 'forbidden' },
      ...(carrier ? [bindOf(carrier)] : []),
      ...repositories.flatMap(bindOfRepository),
      ...certificateDirs(repositories).map((dir) => ({
        from: dir,
        to: dir,
        changes: 'forbidden' as const,
      })),
    ],
    onOutput: (chunk) => filter.write(chunk),
    signal,
  })
  filter.end()
  // Fails even if dnf succeeded: rpm only warns about a killed scriptlet, and the buildroot would lack the scriptlet's effects.
  if (exhausted !== undefined)
    throw new BuildFailure(`Cannot install packages into the root: ${exhausted}`, { exhausted })
  return { code, output }
}

/** Returns the directory of a repository on this machine, for use in a sandbox; nothing for other repositories. */
export function bindOfRepository({
  url,
}: Repository): { from: string; to: string; changes: 'forbidden' }[] {
  if (!url.startsWith('file:')) return []
  return [{ from: fileURLToPath(url), to: fileURLToPath(url), changes: 'forbidden' }]
}

/**
 * Returns why dnf cannot resolve the packages. dnf stops at an argument that matches nothing. It reports every requirement of a package
 * that nothing provides, but only one of the package's other problems. To find all problems, this function runs dnf again with the
 * requirements not yet reported, divided among up to MAX_PARTS packages.
 */
async function failureOf(
  output: string,
  requires: Requirement[],
  options: InstallOptions,
): Promise<Error> {
  const reported = new Set(missingIn(output))
  const rest = requires.filter((one) => !reported.has(formatDependency(one)))
  const isResolving = /^(No match for argument: | *Problem\b)/m.test(output)
  if (!isResolving || rest.length === 0) return failureIn(output, options)
  const size = Math.ceil(rest.length / MAX_PARTS)
  const parts = Array.from({ length: Math.ceil(rest.length / size) }, (_, i) =>
    rest.slice(i * size, (i + 1) * size),
  )
  const carrier = await writeRequirements(options, parts)
  const command = [...dnfOf(options), '--assumeno', '--cacheonly', 'install', ...carrier.paths]
  const again = await runDnf(command, options, { carrier, write: () => undefined })
  return failureIn(`${output}\n${again.output}`, options)
}

function failureIn(output: string, { repositories }: Pick<InstallOptions, 'repositories'>): Error {
  const refused = repositories.find(({ guard }) => guard)?.guard?.refused.at(-1)
  if (refused !== undefined)
    return new BuildFailure(`Cannot install packages into the root: ${refused}`, {
      category: 'network',
      hint: 'Correct the repositories of the project: builders reach public addresses only.',
    })
  const fault = faultOfDnf(output, repositories)
  if (fault.isBuilds)
    return new BuildFailure(fault.words, { category: 'dependency', unmet: unmetIn(output) })
  return Object.assign(new Error(fault.words), fault.code && { code: fault.code })
}

/** Returns the directories of keys and certificates that a sandbox does not contain by default. */
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
 * Since 4.20, rpm runs each scriptlet in its own namespaces, which the sandbox forbids. Scriptlets would fail, and dnf would continue
 * without them. The sandbox already isolates scriptlets.
 */
const NO_UNSHARE = '%__transaction_unshare %{nil}'
/** Packaged directories that rpm must leave unchanged, because in a user namespace nobody can change the owner of /proc. */
const NOT_OURS = '%_netsharedpath /proc:/sys'

async function writeConfig({
  dir,
  repositories,
  dbPath,
}: Pick<InstallOptions, 'dir' | 'repositories' | 'dbPath'>): Promise<void> {
  await mkdir(join(dir, 'etc-dnf'), { recursive: true })
  await mkdir(join(dir, 'etc-rpm'), { recursive: true })
  await writeFile(join(dir, 'etc-dnf', 'dnf.conf'), renderDnfConfig(repositories))
  await writeFile(
    join(dir, 'etc-rpm', 'macros'),
    `%_dbpath ${dbPath}\n${NO_UNSHARE}\n${NOT_OURS}\n`,
  )
}
