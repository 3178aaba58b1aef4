import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, LinkSource, SourceTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { messageOf } from '@copr/process/errors'
import type { AddressRules } from '@copr/process/guarded/address-rules'
import { guardedFetch } from '@copr/process/guarded/guarded-fetch'
import { RpmFormatError } from '@copr/rpm/errors'
import { checkPackageNames, readPackageInfo } from '@copr/rpm/package-info'
import { BuildFailure } from '../build-failure.ts'
import { download, thrice } from './download.ts'

export type LinkTask = SourceTask & { source: LinkSource }

export interface LinkOptions {
  builds_dir: string
  /** Addresses that the URL and its redirects may point to. */
  rules: AddressRules
  connect_seconds?: number
  idle_seconds?: number
}

/** Fetches the SRPM that a source task links to, and uploads it under its own name. */
export async function fetchLinkedSrpm(
  task: LinkTask,
  context: TaskContext,
  options: LinkOptions,
): Promise<FinishRequest> {
  const { url } = task.source
  await mkdir(options.builds_dir, { recursive: true })
  const dir = await mkdtemp(join(options.builds_dir, 'source-'))
  const limit = AbortSignal.timeout(task.timeout_seconds * 1000)
  const signal = AbortSignal.any([context.signal, limit])
  const start = performance.now()
  try {
    context.phase('downloading the SRPM')
    context.writeLog(`Downloading ${url}\n`)
    const path = join(dir, 'package.src.rpm')
    await fetchSrpm(task, path, { ...options, context, signal })
    const name = await checkSrpm(path, url)
    const file = await context.upload(path, name)
    context.writeLog(`Stored ${name} (${file.size} bytes)\n`)
    return {
      outcome: 'succeeded',
      files: [file],
      seconds: { download: (performance.now() - start) / 1000 },
    }
  } catch (error) {
    if (context.signal.aborted) return { outcome: 'canceled', files: [] }
    const fault = limit.aborted
      ? new BuildFailure(
          `the download of ${url} took longer than the timeout of ${task.timeout_seconds} seconds`,
        )
      : error
    context.writeLog(`Failed: ${messageOf(fault)}\n`)
    if (!(fault instanceof BuildFailure)) throw fault
    return { outcome: 'failed', reason: fault.message.slice(0, 2000), files: [] }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function fetchSrpm(
  task: LinkTask,
  path: string,
  options: LinkOptions & { context: TaskContext; signal: AbortSignal },
): Promise<void> {
  const { url } = task.source
  const { signal, context, rules, connect_seconds = 30, idle_seconds = 60 } = options
  const max_bytes = task.limits.max_srpm_bytes
  const open = async (from: string, limit: AbortSignal): Promise<Response> =>
    await guardedFetch(from, { rules, signal: limit, connect_seconds })
  const once = (): Promise<void> => download(url, path, { max_bytes, open, idle_seconds, signal })
  try {
    await thrice(once, signal, (why) => context.writeLog(`${why}; retrying\n`))
  } catch (error) {
    if (error instanceof BuildFailure || signal.aborted) throw error
    // After three attempts, the address counts as wrong rather than this machine's network.
    throw new BuildFailure(`${url} cannot be reached: ${messageOf(error)}`)
  }
}

/** Returns the SRPM's canonical file name; throws a BuildFailure if the file is not an SRPM. */
async function checkSrpm(path: string, url: string): Promise<string> {
  try {
    const info = await readPackageInfo(path)
    if (!info.isSource) throw new BuildFailure(`${url} is a binary RPM, not a source RPM`)
    checkPackageNames(info)
    return info.fileName
  } catch (error) {
    if (error instanceof RpmFormatError)
      throw new BuildFailure(`${url} is not an SRPM: ${error.message}`)
    throw error
  }
}
