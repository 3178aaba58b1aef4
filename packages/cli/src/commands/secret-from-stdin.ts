import { CoprError } from '@copr/process/errors'
import type { Io } from './administer.ts'

/**
 * Reads a secret from standard input; throws if that is a terminal, which would show the secret. `instead` says in the error what to do
 * instead.
 */
export async function secretFromStdin({ stdin }: Io, instead: string): Promise<string> {
  if (stdin.isTTY)
    throw new CoprError('invalid', `Cannot read a password from a terminal: ${instead}`)
  let text = ''
  for await (const chunk of stdin) text += String(chunk)
  return text.replace(/\r?\n$/, '')
}
