import { spawn } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { dirname, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { specOf } from './engine-suite.ts'

/** Serves the repositories below a directory over git's smart HTTP protocol; `prefix` is the path of the directory in URLs. */
export function gitServer(dir: string, prefix: string): RequestListener {
  return (request, response) => {
    const url = new URL(request.url ?? '', 'http://server')
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'] ?? '',
        GIT_PROJECT_ROOT: dir,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
        PATH_INFO: url.pathname.slice(prefix.length),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? '',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    request.pipe(child.stdin)
    child.stdin.on('error', () => undefined)
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('close', () => {
      const whole = Buffer.concat(chunks)
      const end = whole.indexOf('\r\n\r\n')
      for (const line of whole.subarray(0, end).toString('latin1').split('\r\n')) {
        const [name = '', ...value] = line.split(': ')
        if (name === 'Status') response.statusCode = Number.parseInt(value.join(''), 10)
        else response.setHeader(name, value.join(': '))
      }
      response.end(whole.subarray(end + 4))
    })
  }
}

/** Requires a user name and a password before it passes requests on; records the `Authorization` header of each request in `seen`. */
export function behindPassword(
  listener: RequestListener,
  { username, password }: { username: string; password: string },
  seen: (string | undefined)[],
): RequestListener {
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return (request, response) => {
    const { authorization } = request.headers
    seen.push(authorization)
    if (authorization === wanted) return listener(request, response)
    request.resume()
    response.writeHead(401, { 'www-authenticate': 'Basic realm="private"' }).end()
  }
}

/** A git repository that a test creates. */
export interface TestRepository {
  dir: string
  git: (...args: string[]) => Promise<string>
  /**
   * Commits files, given as a map from paths to contents; a content that begins with `->` gives the target of a symbolic link. Returns the
   * commit ID.
   */
  commit: (files: Record<string, string>) => Promise<string>
}

export async function testRepository(dir: string): Promise<TestRepository> {
  await mkdir(dir, { recursive: true })
  const env = {
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Dana',
    GIT_AUTHOR_EMAIL: 'dana@example.org',
    GIT_COMMITTER_NAME: 'Dana',
    GIT_COMMITTER_EMAIL: 'dana@example.org',
  }
  const git = async (...args: string[]): Promise<string> =>
    (await runOrThrow('git', args, { cwd: dir, env })).trim()
  await git('init', '-q', '-b', 'main')
  return {
    dir,
    git,
    async commit(files) {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(join(dir, dirname(name)), { recursive: true })
        if (text.startsWith('->')) await symlink(text.slice(2), join(dir, name))
        else await writeFile(join(dir, name), text)
      }
      await git('add', '--all', '.')
      await git('commit', '-q', '-m', 'A commit')
      return await git('rev-parse', 'HEAD')
    },
  }
}

/** Makes a repository of a package whose source is a file of the submodule `vendor`. */
export async function repositoryWithSubmodule(
  dir: string,
  { url, commit }: { url: string; commit: string },
): Promise<void> {
  const parent = await testRepository(dir)
  const head = 'Source0: module.txt'
  await parent.commit({
    'package.spec': specOf({ name: 'package', head }),
    'module.txt': '->vendor/module.txt',
    '.gitmodules': `[submodule "vendor"]\n\tpath = vendor\n\turl = ${url}\n`,
  })
  await parent.git('update-index', '--add', '--cacheinfo', `160000,${commit},vendor`)
  await parent.git('commit', '-q', '-m', 'Add a submodule')
}
