import { spawn } from 'node:child_process'

const TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 64 * 1024

/** Runs a program on secret bytes, which pass through pipes, never through files or arguments. */
export async function pipe(
  [program = '', ...args]: string[],
  input: Uint8Array,
  env: Record<string, string> = {},
): Promise<Buffer> {
  const child = spawn(program, args, {
    stdio: 'pipe',
    env: { ...process.env, ...env },
    timeout: TIMEOUT_MS,
  })
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const out: Buffer[] = []
  let words = ''
  let size = 0
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MAX_ANSWER_BYTES) out.push(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => (words = `${words}${chunk.toString()}`.slice(-2_000)))
  child.on('error', (cause) => reject(new Error(`Cannot run ${program}`, { cause })))
  child.on('close', (code) => {
    if (code === 0 && size > 0 && size <= MAX_ANSWER_BYTES) resolve(Buffer.concat(out))
    else
      reject(
        new Error(`Cannot use the master key: ${program} exited with ${code}: ${words.trim()}`),
      )
  })
  // If a program ends without reading its input, its exit code reports the reason.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  return await promise
}
