import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ImportTask } from '@copr/contract/builder-protocol'
import { run, runOrThrow } from '@copr/process/run'
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

/** Why the tests that need an SRPM cannot run, or false. */
export const skip = (await run('rpmbuild', ['--version']).catch(() => ({ ok: false }))).ok
  ? false
  : 'needs rpmbuild'

/** An SRPM with a patch, a tarball and a spec of this version, made by rpmbuild. */
export async function makeSrpm(t: TestContext, version: string): Promise<string> {
  const dir = await tempDir(t)
  const spec = `Name: hello\nVersion: ${version}\nRelease: 1\nSummary: Greets\nLicense: MIT
Source0: hello-${version}.tar.gz\nSource1: run.sh\nPatch0: fix.patch\n%description\nGreets.\n`
  await writeFile(join(dir, 'hello.spec'), spec)
  await writeFile(
    join(dir, `hello-${version}.tar.gz`),
    Buffer.from([0x1f, 0x8b, 0, version.length]),
  )
  await writeFile(join(dir, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 })
  await writeFile(join(dir, 'fix.patch'), '--- a\n+++ b\n')
  const macros = ['_topdir', '_sourcedir', '_srcrpmdir'].flatMap((name) => ['-D', `${name} ${dir}`])
  await runOrThrow('rpmbuild', ['-bs', '--nodeps', ...macros, join(dir, 'hello.spec')], {
    env: { HOME: dir },
  })
  return join(dir, `hello-${version}-1.src.rpm`)
}

export function importTask(task: Partial<ImportTask> = {}): ImportTask {
  return {
    kind: 'import',
    task_id: '12',
    build_id: 12,
    owner: 'dana',
    dirname: 'tools',
    package_name: 'hello',
    project: 'tools',
    sandbox: 'dana/tools--dana',
    submitter: 'dana',
    timeout_seconds: 60,
    branches: ['f43'],
    ...task,
  }
}
