import { runOrThrow } from '@copr/process/run'

/** Removes a directory that untrusted programs wrote to: rm also gets through paths that are longer than the system allows. */
export async function removeTree(dir: string): Promise<void> {
  await runOrThrow('rm', ['-rf', '--one-file-system', '--', dir])
}
