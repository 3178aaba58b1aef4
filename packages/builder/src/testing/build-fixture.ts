import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ChrootConfig } from '@copr/contract/chroot-config'
import type { ResultFile, RpmTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { silentLog } from '@copr/process/log'
import { runOrThrow } from '@copr/process/run'
import { debianChroot, DISTRO_CHROOT } from '@copr/demo-distro/chroot'
import { type DistroOptions, makeDistro } from '@copr/demo-distro/make-distro'

/** Shared by all tests, because filling it takes minutes; builds only read it. */
const CACHE_DIR = '/var/tmp/copr-test-cache'
/** Factor by which builds may take longer than on real hardware, because the drill `sandbox` emulates the processor. */
const SLOWNESS = Number(process.env['COPR_TEST_SLOWNESS'] ?? 1)

/** A dist-git with one package, a lookaside cache, and a chroot of the mini distribution. */
export interface BuildFixture extends AsyncDisposable {
  dir: string
  cacheDir: string
  chroot: ChrootConfig
  /** Returns a task for a spec, its text files, and files in the lookaside cache. */
  task(
    spec: string,
    options?: {
      /** Name of the spec file. Default: the Name in the spec. */
      name?: string
      files?: Record<string, string>
      lookaside?: Record<string, Buffer>
    } & Partial<RpmTask>,
  ): Promise<RpmTask>
}

/** A task context that records what the engine reports. */
export interface RecordedContext extends TaskContext {
  text(): string
  uploads: Map<string, string>
  /** The reasons why the machine was marked unclean. */
  unclean: string[]
  abort: (reason: 'canceled' | 'stopping') => void
  /** Resolves as soon as the log contains the text `words`. */
  says(words: string): Promise<void>
}

/**
 * Makes the mini distribution and a server for sources. `cacheDir` holds the distribution and the builder's cache; checkouts whose package
 * lists differ need separate directories.
 */
export async function buildFixture({
  cacheDir = CACHE_DIR,
  ...options
}: Pick<DistroOptions, 'cacheDir' | 'more' | 'onProgress'> = {}): Promise<BuildFixture> {
  const distro = await makeDistro({ ...options, dir: join(cacheDir, 'distro') })
  const chroot = await debianChroot(pathToFileURL(distro.repoDir).href)
  const dir = await mkdtemp(join(tmpdir(), 'copr-builder-'))
  const lookaside = new Map<string, Buffer>()
  const server = createServer((request, response) => {
    const body = lookaside.get(request.url ?? '')
    response.statusCode = body ? 200 : 404
    response.end(body)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  let count = 0
  return {
    dir,
    cacheDir: join(cacheDir, 'builder'),
    chroot,
    async task(spec, { name: named, files = {}, lookaside: blobs = {}, ...rest } = {}) {
      const name = named ?? /^Name:\s*(\S+)/m.exec(spec)?.[1] ?? 'package'
      const sources = Object.entries(blobs).map(([file, bytes]) => {
        const md5 = createHash('md5').update(bytes).digest('hex')
        lookaside.set(`/${file}/md5/${md5}/${file}`, bytes)
        return `${md5}  ${file}\n`
      })
      const git = join(dir, `git-${++count}`)
      const git_commit = await commit(git, {
        [`${name}.spec`]: spec,
        ...files,
        ...(sources.length > 0 && { sources: sources.join('') }),
      })
      return {
        kind: 'rpm',
        task_id: `${count}-${DISTRO_CHROOT}`,
        build_id: count,
        owner: 'jane',
        project: 'tools',
        dirname: 'tools',
        sandbox: 'jane/tools--jane',
        submitter: 'jane',
        timeout_seconds: 300 * SLOWNESS,
        package_name: name,
        package_version: '1.0-1',
        chroot,
        repos: [],
        buildroot_packages: [],
        with_opts: [],
        without_opts: [],
        modules: [],
        reviews: [],
        enable_net: false,
        macros: { vendor: 'Copr - user jane', copr_projectname: 'tools' },
        git_url: pathToFileURL(git).href,
        git_commit,
        lookaside_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        limits: {
          max_log_bytes: 10_000_000,
          max_result_bytes: 100_000_000,
          max_disk_bytes: 20 * 1024 ** 3,
        },
        ...rest,
      }
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function commit(dir: string, files: Record<string, string>): Promise<string> {
  await mkdir(dir)
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text)
  const options = { cwd: dir, env: { HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' } }
  const author = ['-c', 'user.name=Test', '-c', 'user.email=test@localhost']
  await runOrThrow('git', ['init', '-q', '-b', 'main'], options)
  await runOrThrow('git', ['add', '.'], options)
  await runOrThrow('git', [...author, 'commit', '-q', '-m', 'import'], options)
  return (await runOrThrow('git', ['rev-parse', 'HEAD'], options)).trim()
}

/** Returns a task context that records the log and the uploads of a build. The build's files are under `dir`. */
export function recordedContext(dir: string): RecordedContext {
  const abort = new AbortController()
  let text = ''
  const listeners = new Set<() => void>()
  const uploads = new Map<string, string>()
  const unclean: string[] = []
  return {
    lease: 'lease',
    signal: abort.signal,
    log: silentLog(),
    phase: () => undefined,
    writeLog(chunk) {
      text += Buffer.from(chunk).toString('utf8')
      for (const listener of listeners) listener()
    },
    flushLogs: () => Promise.resolve(),
    markUnclean: (reason) => void unclean.push(reason),
    unclean,
    async upload(path, name): Promise<ResultFile> {
      const copy = join(dir, 'uploads', name)
      await mkdir(join(dir, 'uploads'), { recursive: true })
      await copyFile(path, copy)
      uploads.set(name, copy)
      const sha256 = createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
      return { name, size: (await stat(path)).size, sha256 }
    },
    fetchSrpm: () => Promise.reject(new Error('not an import')),
    text: () => text,
    uploads,
    abort: (reason) => abort.abort(reason),
    async says(words) {
      if (text.includes(words)) return
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          if (!text.includes(words)) return
          listeners.delete(listener)
          resolve()
        }
        listeners.add(listener)
      })
    },
  }
}
