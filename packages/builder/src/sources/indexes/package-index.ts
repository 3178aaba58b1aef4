import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ResultFile } from '@copr/contract/builder-protocol'
import { BuildFailure } from '../../build-failure.ts'
import type { Build } from '../../engine.ts'
import { downloadFromUser } from '../download-from-user.ts'
import { ResponseFailure } from '../download.ts'
import type { SrpmTask } from '../make-srpm.ts'

type Downloader = Pick<Build<SrpmTask>, 'dir' | 'log' | 'rules' | 'signal' | 'task'>

/** A source archive of a package, as its index describes it. */
export interface IndexedArchive {
  file_name: string
  url: string
  /** Hexadecimal; undefined if the index has none. */
  sha256: string | undefined
}

/** In bytes: about three times the longest responses for one package, which have about 20 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 ** 2

/** Category and hint for a name or a version that is not in the index. */
export const NOT_IN_INDEX = {
  category: 'prep',
  hint: 'Correct the source of the package.',
} as const

/** Returns the body of the index's response to a GET request; undefined if the status is 404 or 410. */
export async function askIndex(
  { dir, log, rules, signal }: Downloader,
  url: string,
): Promise<string | undefined> {
  const path = join(dir, 'index-answer')
  const write = (text: string): void => log.output(text)
  try {
    await downloadFromUser(url, path, { rules, max_bytes: MAX_ANSWER_BYTES, write, signal })
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof ResponseFailure && (error.status === 404 || error.status === 410))
      return undefined
    throw error
  } finally {
    await rm(path, { force: true })
  }
}

/** Downloads an archive into a directory and verifies its digest. */
export async function downloadArchive(
  { task, log, rules, signal }: Downloader,
  { file_name, url, sha256 }: IndexedArchive,
  folder: string,
): Promise<void> {
  if (!ResultFile.shape.name.safeParse(file_name).success)
    throw new BuildFailure(
      `Cannot use the archive ${JSON.stringify(file_name)} of the index: its name is not that of a source`,
      { category: 'verification' },
    )
  const write = (text: string): void => log.output(text)
  await downloadFromUser(url, join(folder, file_name), {
    rules,
    max_bytes: task.limits.max_srpm_bytes,
    write,
    signal,
    ...(sha256 !== undefined && { expect: { algorithm: 'sha256', hex: sha256 } }),
  })
}
