import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runOrThrow } from '@copr/process/run'
import { BuildFailure } from '../build-failure.ts'

const PROGRAM = fileURLToPath(new URL('take_files.py', import.meta.url))
/** More packages than any spec makes. */
const MAX_FILES = 10_000

/**
 * Moves the regular files with this suffix from a folder that a build has written to into `target`, which belongs to the agent and
 * is made if it is missing. Returns their new paths, sorted. Throws a BuildFailure if the build has replaced the folder, or left
 * too many files.
 */
export async function takeFiles(
  { root, folder }: { root: string; folder: string },
  suffix: string,
  target: string,
): Promise<string[]> {
  await mkdir(target, { recursive: true })
  const input = JSON.stringify({ root, folder, suffix, target, max_files: MAX_FILES })
  // Without -I, which would hide beneath.py.
  const args = ['-B', '-E', '-s', '-S', PROGRAM]
  const answer = JSON.parse(await runOrThrow('python3', args, { input, answer_only: true })) as
    | { names: string[] }
    | { refused: string }
  if ('refused' in answer) throw new BuildFailure(answer.refused)
  return answer.names.map((name) => join(target, name))
}
