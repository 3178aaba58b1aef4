import { runOrThrow } from '@copr/process/run'

/** Removes a directory to which untrusted programs have written. rm can even delete paths longer than PATH_MAX. */
export async function removeTree(dir: string): Promise<void> {
  await runOrThrow('rm', ['-rf', '--one-file-system', '--', dir])
}
