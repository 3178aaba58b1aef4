import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { runOrThrow } from '@copr/process/run'
import type { SourceFile } from './commit-sources.ts'

export async function tempDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-distgit-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** Files as the unpacking of an SRPM leaves them. */
export async function unpacked(
  t: TestContext,
  contents: Record<string, string | Buffer>,
): Promise<SourceFile[]> {
  const dir = await tempDir(t)
  return await Promise.all(
    Object.entries(contents).map(async ([name, content]) => {
      const path = join(dir, name)
      await writeFile(path, content)
      const digest = (kind: string): string => createHash(kind).update(content).digest('hex')
      const size = Buffer.byteLength(content)
      return { name, path, size, mode: 0o100644, md5: digest('md5'), sha256: digest('sha256') }
    }),
  )
}

/** Runs the real client, with nothing of the user's configuration. */
export async function git(...args: string[]): Promise<string> {
  const env = {
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    LC_ALL: 'C',
  }
  const safe = [
    '-c',
    'safe.directory=*',
    '-c',
    'init.defaultBranch=master',
    '-c',
    'advice.detachedHead=false',
  ]
  return (await runOrThrow('git', [...safe, ...args], { env })).trim()
}

/** All files below a folder, for comparing what was there before and after. */
export async function listTree(dir: string): Promise<string[]> {
  await mkdir(dir, { recursive: true })
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}
