import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ImportTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { silentLog } from '@copr/process/log'
import { runOrThrow } from '@copr/process/run'
import { buildSrpm } from '@copr/rpm/testing/make-rpm'
import type { SourceFile } from './commit-sources.ts'

export async function tempDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-distgit-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** Writes files as if they had been extracted from an SRPM. */
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

/** Runs the real git client, without the user's configuration. */
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

/** Lists all files under a folder, so that its state before and after can be compared. */
export async function listTree(dir: string): Promise<string[]> {
  await mkdir(dir, { recursive: true })
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

/** Makes an SRPM of the package `hello` with a tarball, a script and a patch; returns its path. */
export async function makeSrpm(t: TestContext, version: string): Promise<string> {
  return await buildSrpm(join(await tempDir(t), `hello-${version}-1.src.rpm`), {
    version,
    spec: `Name: hello\nVersion: ${version}\n`,
    files: [
      { name: `hello-${version}.tar.gz`, content: Buffer.from([0x1f, 0x8b, 0, version.length]) },
      { name: 'run.sh', content: '#!/bin/sh\n', mode: 0o100755 },
      { name: 'fix.patch', content: '--- a\n+++ b\n' },
    ],
  })
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

/** Returns a task context whose `fetchSrpm()` copies the file `srpm`, and the lines that the handler logs. */
export function fakeContext(srpm: string) {
  const log: string[] = []
  const context: TaskContext = {
    lease: 'lease',
    signal: new AbortController().signal,
    log: silentLog(),
    phase: () => undefined,
    writeLog: (chunk, name) => void log.push(`${name}: ${String(chunk)}`),
    flushLogs: async () => undefined,
    markUnclean: () => undefined,
    upload: async () => assert.fail('nothing is uploaded'),
    fetchSrpm: async (path) => await copyFile(srpm, path),
  }
  return { context, log }
}
