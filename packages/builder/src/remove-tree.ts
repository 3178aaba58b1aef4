import { runOrThrow } from '@copr/process/run'

/** Removes a directory that untrusted programs wrote to; rm can also delete paths longer than PATH_MAX. */
export async function removeTree(dir: string): Promise<void> {
  await runOrThrow('rm', ['-rf', '--one-file-system', '--', dir])
}
