import { runScript } from './script.ts'

/**
 * Maximum size of a list in bytes; a longer list is an error. resalloc truncates lists at 5 KB, but then we would consider the omitted
 * machines gone.
 */
const MAX_LIST_BYTES = 4 * 1024 * 1024

/** Returns the names that `cmd_list` prints; throws if it fails or prints too much. */
export async function listNames(
  command: string,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<string[]> {
  const { code, output, is_cut, errors } = await runScript(command, {
    env,
    signal,
    max_output_bytes: MAX_LIST_BYTES,
  })
  if (code !== 0)
    throw new Error(`cmd_list exited with ${code ?? 'a signal'}: ${errors.slice(-500)}`)
  if (is_cut) throw new Error(`cmd_list printed more than ${MAX_LIST_BYTES} bytes`)
  return output.split(/\s+/).filter((name) => name !== '')
}
