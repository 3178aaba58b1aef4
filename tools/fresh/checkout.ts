import { lstatSync, rmSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url))

/** Clones the latest commit of this checkout; with `workingTree`, the clone contains the files on disk instead, except ignored ones. */
export async function cloneCheckout(dir: string, workingTree: boolean): Promise<string> {
  const git = async (...args: string[]): Promise<string> =>
    await runOrThrow('git', ['-c', 'safe.directory=*', ...args], { answer_only: true })
  await git('clone', '--quiet', '--no-hardlinks', CHECKOUT, dir)
  const commit = (await git('-C', dir, 'log', '-1', '--format=%h')).trim()
  if (!workingTree) return commit
  const changed = await git('-C', CHECKOUT, 'diff', '-z', '--name-only', '--no-renames', 'HEAD')
  const added = await git('-C', CHECKOUT, 'ls-files', '-z', '--others', '--exclude-standard')
  const files = `${changed}${added}`.split('\0').filter((file) => file !== '')
  for (const file of files) {
    const to = join(dir, file)
    if (!lstatSync(join(CHECKOUT, file), { throwIfNoEntry: false })) rmSync(to, { force: true })
    else await cp(join(CHECKOUT, file), to, { force: true, verbatimSymlinks: true })
  }
  return files.length === 0 ? commit : `${commit} with ${files.length} changed files`
}
