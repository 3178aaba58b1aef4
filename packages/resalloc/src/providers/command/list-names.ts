import { runScript } from './script.ts'

/** resalloc takes 5 KB and forgets the rest; a part of a list is none to us. */
const MAX_LIST_BYTES = 4 * 1024 * 1024

/** The names that a `cmd_list` prints; throws when it cannot tell all. */
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
    throw new Error(`cmd_list ended with ${code ?? 'a signal'}: ${errors.slice(-500)}`)
  if (is_cut) throw new Error(`cmd_list has printed more than ${MAX_LIST_BYTES} bytes`)
  return output.split(/\s+/).filter((name) => name !== '')
}
