import { createHash } from 'node:crypto'
import { createReadStream, lstatSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CoprError } from '@copr/process/errors'
import { run, runOrThrow } from '@copr/process/run'

/** The paths from which the Containerfiles copy. */
const WANTED = ['package.json', 'package-lock.json', '.npmrc', 'packages', 'images']

export interface SourceArchive extends Disposable {
  path: string
  bytes: number
  sha256: string
  /** The commit, with `-dirty` if the working tree differs from it. */
  revision: string
}

/**
 * Packs the working tree into a tar archive: the current contents of all files that git tracks or would add. The same contents give the
 * same archive.
 */
export async function sourceArchive(root: string, stop: AbortSignal): Promise<SourceArchive> {
  const git = async (...args: string[]): Promise<string> =>
    await runOrThrow('git', ['-C', root, ...args], { signal: stop, answer_only: true })
  const list = await run(
    'git',
    ['-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...WANTED],
    { signal: stop, answer_only: true },
  )
  if (!list.ok)
    throw new CoprError(
      'invalid',
      `Cannot read ${root}: it is not a git checkout\n    try: coprctl dev up in the folder that you cloned`,
    )
  // git also lists deleted files.
  const files = list.output
    .split('\0')
    .filter((file) => file !== '' && lstatSync(join(root, file), { throwIfNoEntry: false }))
    .toSorted()
  const dir = mkdtempSync(join(tmpdir(), 'copr-source-'))
  const path = join(dir, 'source.tar')
  try {
    const same = ['--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu']
    const args = ['--create', '--file', path, '-C', root, ...same, '--null', '--files-from=-']
    await runOrThrow('tar', args, { input: files.join('\0'), signal: stop })
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    const isDirty = (await git('status', '--porcelain', '--', ...WANTED)) !== ''
    return {
      path,
      bytes: statSync(path).size,
      sha256: hash.digest('hex'),
      revision: `${(await git('rev-parse', 'HEAD')).trim()}${isDirty ? '-dirty' : ''}`,
      [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
    }
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}
