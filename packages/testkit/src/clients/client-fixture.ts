import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildAnswer } from '@copr/contract/api/builds'
import { DISTRO_CHROOT, DISTRO_RELEASE } from '@copr/demo-distro/chroot'
import { newAccount } from '../system/build-summary.ts'
import { CACHE_DIR, startSystem, type System } from '../system/start-system.ts'
import { until } from '../system/until.ts'
import { tinySources, type TinySources } from '../system/tiny-srpm.ts'
import { coprCli, type CoprCli, type Succeeded } from './copr-cli.ts'
import { coprctl } from './coprctl.ts'
import { type FileServer, fileServer } from './file-server.ts'
import { type IndexServer, indexServer } from '../sources/index-server.ts'
import { type PythonClients, pythonClients } from './python-clients.ts'

/** A chroot for which none of the builders here can build. */
export const OTHER_CHROOT = 'fedora-43-x86_64'
/** The 32-bit chroot, for multilib repositories, of the release that the builders build for. */
export const MULTILIB_CHROOT = `${DISTRO_RELEASE}-i386`
const GROUP = '@crew'

/** A running system and its users' clients. */
export interface ClientFixture extends AsyncDisposable {
  readonly system: System
  readonly clients: PythonClients
  /** copr-cli, run as the administrator. */
  readonly cli: CoprCli
  /** copr-cli, run as an unprivileged user who is a member of the group. */
  readonly kim: CoprCli
  readonly sources: TinySources
  readonly files: FileServer
  /** The Python and gem indexes that the system uses. */
  readonly indexes: IndexServer
  readonly succeeded: Succeeded
  /** A temporary folder for the test's files. */
  readonly dir: string
  /** Sends a GET request to the API, which must succeed, and returns the response body. */
  readonly get: <T = Record<string, unknown>>(path: string) => Promise<T>
  /** Waits until a build has ended. */
  readonly ended: (id: number) => Promise<BuildAnswer>
  /** Waits until background work has made the condition true. */
  readonly eventually: (holds: () => Promise<boolean>) => Promise<void>
}

export async function clientFixture(): Promise<ClientFixture> {
  const clients = await pythonClients()
  const dir = mkdtempSync(join(tmpdir(), 'copr-clients-'))
  const indexes = await indexServer()
  const system = await startSystem({
    builders: 2,
    sources: { pypi_index: indexes.url, gem_index: indexes.url },
    allow_private_urls: ['127.0.0.0/8', `${new URL(indexes.url).hostname}/32`],
  })
  const files = await fileServer()
  const sources = tinySources()
  const [kim] = await Promise.all([newAccount(system, 'kim'), addChroots(system, dir)])
  await coprctl(system, 'group', 'add', GROUP)
  for (const member of ['kim', system.api.username])
    await coprctl(system, 'group', 'join', GROUP, member)
  const succeeded: Succeeded = new Set()
  const { url, credentials } = system
  const admin = { url, username: system.api.username, ...credentials }
  const cliOf = (name: string, account: typeof admin): CoprCli =>
    coprCli(clients.program, join(dir, name), { account, succeeded })
  return {
    system,
    clients,
    cli: cliOf('admin.conf', admin),
    kim: cliOf('kim.conf', { url, username: 'kim', ...kim }),
    sources,
    files,
    indexes,
    succeeded,
    dir,
    get: async <T>(path: string) => {
      const { status, body } = await system.api.raw('GET', path)
      if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`)
      return body as T
    },
    ended: async (id) => await system.api.waitForBuild(id),
    eventually: async (holds) => {
      // The request may fail, for example with 404, until the work has been done.
      const ask = async (): Promise<boolean> => await holds().catch(() => false)
      await until(ask, { timeout_ms: 30_000, what: String(holds), every_ms: 300 })
    },
    [Symbol.asyncDispose]: async () => {
      sources[Symbol.dispose]()
      await files[Symbol.asyncDispose]()
      await indexes[Symbol.asyncDispose]()
      await system[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function addChroots(system: System, dir: string): Promise<void> {
  const file = join(dir, 'chroots.yaml')
  const repo = { id: 'base', name: 'Base', baseurl: `file://${CACHE_DIR}/distro/repo` }
  const chroots = [OTHER_CHROOT, MULTILIB_CHROOT].map((name) => ({
    name,
    comment: 'Nothing is built here',
    repos: [repo],
    install: ['filesystem'],
  }))
  // JSON is valid YAML.
  writeFileSync(file, JSON.stringify(chroots))
  await coprctl(system, 'chroot', 'add', file)
}

/** Returns the query parameters that identify a project of the administrator in the API. */
export function inProject({ cli }: Pick<ClientFixture, 'cli'>, projectname: string): string {
  return `ownername=${cli.username}&projectname=${projectname}`
}

/** Returns the build IDs that copr-cli prints after submitting builds. */
export function createdBuilds(output: string): number[] {
  const ids = /^Created builds: ([\d ]+)$/m.exec(output)?.[1]
  if (ids === undefined) throw new Error(`No builds were created:\n${output}`)
  return ids.split(' ').map(Number)
}

export function onlyBuild(output: string): number {
  const [id, ...others] = createdBuilds(output)
  if (id === undefined || others.length > 0) throw new Error(`Not one build:\n${output}`)
  return id
}

/** Creates a project with the chroot that the builders build for. */
export async function createProject(fixture: ClientFixture, name: string, ...options: string[]) {
  return await fixture.cli.ok('create', name, '--chroot', DISTRO_CHROOT, ...options)
}
