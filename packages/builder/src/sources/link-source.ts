import type { LookupAddress } from 'node:dns'
import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinishRequest, LinkSource, SourceTask } from '@copr/contract/builder-protocol'
import type { TaskContext } from '@copr/process/agent/handler'
import { messageOf } from '@copr/process/errors'
import { RpmFormatError } from '@copr/rpm/errors'
import { checkPackageNames, readPackageInfo } from '@copr/rpm/package-info'
import { BuildFailure } from '../build-failure.ts'
import { download, thrice } from './download.ts'
import { httpGet } from './http-get.ts'
import { publicAddresses } from './public-address.ts'

export type LinkTask = SourceTask & { source: LinkSource }

export interface LinkOptions {
  builds_dir: string
  /** Also URLs of this machine and its neighbours: for an installation that is nobody else's. */
  allow_private_urls: boolean
  connect_seconds?: number
  idle_seconds?: number
}

const MAX_REDIRECTS = 5

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
      ? new BuildFailure(`${url} took longer than the timeout of ${task.timeout_seconds} seconds`)
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
  const { signal, context, idle_seconds = 60 } = options
  const max_bytes = task.limits.max_srpm_bytes
  const open = (from: string, limit: AbortSignal): Promise<Response> =>
    openPublic(from, limit, options)
  const once = (): Promise<void> => download(url, path, { max_bytes, open, idle_seconds, signal })
  try {
    await thrice(once, signal, (why) => context.writeLog(`${why}; trying again\n`))
  } catch (error) {
    if (error instanceof BuildFailure || signal.aborted) throw error
    // After three tries it is the address that is wrong, not this machine.
    throw new BuildFailure(`${url} cannot be reached: ${messageOf(error)}`)
  }
}

/** Follows redirects by hand: each step must lead to where the first one may lead. */
async function openPublic(
  from: string,
  limit: AbortSignal,
  options: LinkOptions,
): Promise<Response> {
  const { allow_private_urls, connect_seconds = 30 } = options
  let url = from
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const target = parseHttpUrl(url)
    const addresses = allow_private_urls ? undefined : await publicAddresses(target)
    const response = await openWithin(target, addresses, { limit, seconds: connect_seconds })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) return response
    await response.body?.cancel()
    url = new URL(location, target).href
  }
  throw new BuildFailure(`${from} redirects more than ${MAX_REDIRECTS} times`)
}

async function openWithin(
  target: URL,
  addresses: LookupAddress[] | undefined,
  { limit, seconds }: { limit: AbortSignal; seconds: number },
): Promise<Response> {
  const slow = new AbortController()
  const timer = setTimeout(() => slow.abort(), seconds * 1000)
  try {
    const signal = AbortSignal.any([limit, slow.signal])
    return await httpGet(target, { signal, ...(addresses && { addresses }) })
  } catch (error) {
    limit.throwIfAborted()
    if (slow.signal.aborted)
      throw new BuildFailure(`${target.href} did not answer within ${seconds} seconds`)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function parseHttpUrl(text: string): URL {
  const url = URL.parse(text)
  if (!url) throw new BuildFailure(`${JSON.stringify(text)} is not a URL`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new BuildFailure(`${url.href} is not allowed: only http and https are`)
  return url
}

/** The name that the SRPM goes by. */
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
