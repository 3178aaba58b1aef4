import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runOrThrow } from '@copr/process/run'

/** A running svnserve. */
export interface SvnServer extends AsyncDisposable {
  /** Returns the URL of a repository below the served directory. */
  url: (path: string) => string
}

/** Serves the Subversion repositories below a directory, for reading, at an address of this machine. */
export async function svnServer(dir: string, address: string): Promise<SvnServer> {
  const server = createServer((socket) => {
    const child = spawn('svnserve', ['--inetd', '--read-only', '--root', dir], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    socket.pipe(child.stdin)
    child.stdout.pipe(socket)
    for (const stream of [socket, child.stdin]) stream.on('error', () => undefined)
    socket.on('close', () => child.kill())
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: (path) => `svn://${address}:${port}/${path}`,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Makes a Subversion repository, with a function that commits files; a content that begins with `->` is the target of a link. */
export async function svnRepository(dir: string) {
  await mkdir(dirname(dir), { recursive: true })
  await runOrThrow('svnadmin', ['create', dir])
  const work = await mkdtemp(`${dir}-work-`)
  const svn = async (...args: string[]): Promise<string> =>
    await runOrThrow('svn', ['--non-interactive', ...args], { cwd: work, env: { HOME: work } })
  await svn('checkout', '--quiet', pathToFileURL(dir).href, '.')
  return {
    /** Commits these files, and the externals of the top. */
    async commit(files: Record<string, string>, externals = ''): Promise<void> {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(join(work, dirname(name)), { recursive: true })
        await rm(join(work, name), { force: true })
        if (text.startsWith('->')) await symlink(text.slice(2), join(work, name))
        else await writeFile(join(work, name), text)
      }
      await svn('add', '--quiet', '--force', '.', '--depth', 'infinity')
      await svn('update', '--quiet')
      if (externals !== '') await svn('propset', '--quiet', 'svn:externals', externals, '.')
      await svn('commit', '--quiet', '--message', 'A commit')
      await svn('update', '--quiet', '--ignore-externals')
    },
  }
}
