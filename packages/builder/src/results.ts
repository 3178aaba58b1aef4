import { createReadStream, createWriteStream } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { ResultFile, RpmTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { runOrThrow } from '@copr/process/run'
import { BuildFailure } from './build-failure.ts'
import { type BuildLog, LOG_PARTS } from './build-log.ts'
import { readPackage, SRPM_SUFFIX } from './rpmbuild/rpmbuild.ts'
import { undefinedMacro } from './undefined-macro.ts'

export interface Results {
  /** Paths of the RPMs and the SRPM. */
  rpms: string[]
  /** Path of `results.json`. */
  summary: string
}

/**
 * Summarizes the packages that a build has made. Throws a BuildFailure if there are none, if they exceed the task's size limit, or if one
 * could not be installed because its scriptlets call undefined macros.
 */
export async function collectResults(task: RpmTask, dir: string, rpms: string[]): Promise<Results> {
  if (!rpms.some((path) => !path.endsWith(SRPM_SUFFIX)))
    throw new BuildFailure('rpmbuild succeeded but produced no packages', {
      category: 'files',
      hint: 'The spec has no %files, or only for subpackages that are not built: add %files.',
    })
  let size = 0
  for (const path of rpms) size += (await stat(path)).size
  if (size > task.limits.max_result_bytes)
    throw new BuildFailure(
      `the results have ${size} bytes, the limit is ${task.limits.max_result_bytes}`,
      { category: 'resources' },
    )
  const packages = await Promise.all(rpms.map(summarize))
  const summary = join(dir, 'results.json')
  await writeFile(summary, `${JSON.stringify({ packages }, undefined, 2)}\n`)
  return { rpms, summary }
}

async function summarize(path: string) {
  const { name, epoch, version, release, arch, nevra, scriptlets } = await readPackage(path)
  for (const scriptlet of scriptlets) {
    const macro = undefinedMacro(scriptlet)
    if (macro !== undefined)
      throw new BuildFailure(
        `${scriptlet.section} of ${nevra} calls the macro ${macro}, which is not defined: add the BuildRequires that defines it`,
        { category: 'macros' },
      )
  }
  return { name, epoch, version, release, arch }
}

export async function uploadAll(paths: string[], context: TaskContext): Promise<ResultFile[]> {
  return await Promise.all(paths.map((path) => context.upload(path, basename(path))))
}

/** Compresses the separate logs that exist; returns the paths of the compressed files. */
export async function packLogs(dir: string): Promise<string[]> {
  const packed = await Promise.all(
    LOG_PARTS.map(async (part) => {
      const path = join(dir, `${part}.log`)
      if (!(await stat(path).catch(() => undefined))) return []
      await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.gz`))
      return [`${path}.gz`]
    }),
  )
  return packed.flat()
}

/** Records the hardware and kernel in hw_info.log, but nothing that identifies the machine. */
export async function describeMachine(dir: string, log: BuildLog): Promise<void> {
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`
  const disk = await runOrThrow('df', ['--human-readable', '--output=fstype,size,used,avail', dir])
  const lines = [
    `CPUs: ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    `Memory: ${gib(totalmem())}`,
    `Kernel: ${(await runOrThrow('uname', ['-srm'])).trim()}`,
    `Disk:\n${disk.trimEnd()}`,
  ]
  log.only(`${lines.join('\n')}\n`, 'hw_info')
}
