import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, LinkSource, SourceTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/agent/handler'
import { messageOf } from '@copr/process/errors'
import type { AddressRules } from '@copr/process/guarded/address-rules'
import { BuildFailure } from '../build-failure.ts'
import { failureDetails } from '../failure/failure-details.ts'
import { FailureScanner } from '../failure/failure-scanner.ts'
import { checkSrpm } from './check-srpm.ts'
import { downloadFromUser, withoutCredentials } from './download-from-user.ts'

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
  const scanner = new FailureScanner()
  const write = (text: string): void => {
    scanner.write(text)
    context.writeLog(text)
  }
  try {
    context.phase('downloading the SRPM')
    const path = join(dir, 'package.src.rpm')
    const max_bytes = task.limits.max_srpm_bytes
    await downloadFromUser(url, path, { ...options, max_bytes, write, signal })
    const name = await checkSrpm(path, withoutCredentials(url))
    const file = await context.upload(path, name)
    write(`Stored ${name} (${file.size} bytes)\n`)
    return {
      outcome: 'succeeded',
      files: [file],
      seconds: { download: (performance.now() - start) / 1000 },
    }
  } catch (error) {
    if (context.signal.aborted) return { outcome: 'canceled', files: [] }
    const fault = limit.aborted
      ? new BuildFailure(
          `the download of ${withoutCredentials(url)} took longer than the timeout of ${task.timeout_seconds} seconds`,
          {
            category: 'timeout',
            hint: 'Try again, raise the timeout of the build, or upload the source package.',
          },
        )
      : error
    write(`Failed: ${messageOf(fault)}\n`)
    if (!(fault instanceof BuildFailure)) throw fault
    const failure = failureDetails(fault, scanner)
    return { outcome: 'failed', reason: fault.message.slice(0, 2000), failure, files: [] }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
