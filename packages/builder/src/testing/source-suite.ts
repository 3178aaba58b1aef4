import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { FinishRequest, SourceTask } from '@copr/contract/builder-protocol'
import { addressRules } from '@copr/process/guarded/address-rules'
import { runOrThrow } from '@copr/process/run'
import { readPackageInfo } from '@copr/rpm/package-info'
import { MACHINE_ADDRESS as ADDRESS } from '@copr/testkit/system/machine-address'
import type { EngineOptions } from '../engine.ts'
import { userNetworkFaults } from '../sandbox/network/network-faults.ts'
import { type RecordedContext, recordedContext } from './build-fixture.ts'
import { fixture, noDisk, skip as engineSkip, useFixture } from './engine-suite.ts'

const faults = engineSkip === false ? await userNetworkFaults() : []
/** The reason to skip the tests of source tasks on this machine, or false. */
export const skip =
  engineSkip ||
  (faults.length > 0 && faults.join('; ')) ||
  (ADDRESS === undefined && 'this machine has no IPv4 address besides the loopback device’s')
/** Rules that allow the server of {@link useSources} and no other private address. */
const RULES = addressRules(ADDRESS === undefined ? false : [`${ADDRESS}/32`])

const answers = new Map<string, RequestListener>()
let base = ''

/** Opens the fixture of the engine's tests, and a web server that sandboxes can reach. */
export function useSources(): void {
  useFixture()
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const prefix = [...answers.keys()].find((one) => path.startsWith(one)) ?? ''
    const missing: RequestListener = (_, gone) => void gone.writeHead(404).end()
    const listener = answers.get(prefix) ?? missing
    listener(request, response)
  })
  before(async () => {
    if (skip) return
    await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve))
    base = `http://${ADDRESS}:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
}

/** Returns the URL of a path on the test's web server, which responds with 404 unless {@link serve} was called for it. */
export function urlOf(path: string): string {
  return `${base}${path}`
}

/** Serves `answer` for everything below a path; returns the URL of the path. */
export function serve(path: string, answer: RequestListener | string | Buffer): string {
  const listener: RequestListener =
    typeof answer === 'function' ? answer : (_, response) => response.end(answer)
  answers.set(path, listener)
  return urlOf(path)
}

let count = 0

export function sourceTask(
  source: SourceTask['source'],
  {
    limits,
    ...rest
  }: Partial<Omit<SourceTask, 'limits'>> & {
    limits?: Partial<SourceTask['limits']>
  } = {},
): SourceTask {
  return {
    kind: 'source',
    task_id: String(++count),
    build_id: count,
    owner: 'jane',
    project: 'tools',
    dirname: 'tools',
    sandbox: 'jane/tools--jane',
    submitter: 'jane',
    timeout_seconds: 300,
    source,
    root: { chroot: fixture.chroot, repos: [], macros: { copr_projectname: 'tools' } },
    limits: {
      max_srpm_bytes: 10_000_000,
      max_log_bytes: 1_000_000,
      max_disk_bytes: 20 * 1024 ** 3,
      ...limits,
    },
    ...rest,
  }
}

type Maker = (
  task: SourceTask,
  context: RecordedContext,
  options: EngineOptions,
) => Promise<FinishRequest>

/** Runs a source task; returns how it ended. */
export async function runSource(
  make: Maker,
  task: SourceTask,
  options: { upload?: string } & Pick<EngineOptions, 'rules'> = {},
) {
  const { upload, ...rest } = options
  const recorded = recordedContext(join(fixture.dir, `source-${task.task_id}`))
  const context: RecordedContext = {
    ...recorded,
    async fetchSrpm(path) {
      await runOrThrow('cp', ['--', upload ?? '', path])
    },
  }
  const outcome = await make(task, context, {
    builds_dir: join(fixture.dir, 'builds'),
    own_disk: !noDisk,
    cache_dir: fixture.cacheDir,
    rules: RULES,
    ...rest,
  })
  const log = context.text()
  const [srpm] = [...context.uploads].filter(([name]) => name.endsWith('.rpm'))
  return { outcome, reason: 'reason' in outcome ? outcome.reason : '', log, context, srpm }
}

/** Returns the names of the files in an SRPM, and its `name-version-release`. */
export async function contentOf(path: string): Promise<{ nvr: string; files: string[] }> {
  const { name, version, release } = await readPackageInfo(path)
  const list = await runOrThrow('rpm', ['-qpl', '--nosignature', path])
  return { nvr: `${name}-${version}-${release}`, files: list.trim().split('\n').toSorted() }
}
