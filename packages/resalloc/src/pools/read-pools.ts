import { createHash } from 'node:crypto'
import { PoolsFile } from '@copr/contract/pools/pools-file'
import { messageOf } from '@copr/process/errors'
import { parse } from 'yaml'
import { z } from 'zod'

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Parses pools.yaml. All errors are reported at once, in a message for administrators. */
export function readPoolsText(
  text: string,
): { ok: true; pools: PoolsFile } | { ok: false; error: string } {
  // The file may be empty because the disk is full or an editor is saving it: that must not remove every pool with its machines.
  if (text.trim() === '') return { ok: false, error: 'The file is empty; write {} for no pools' }
  let content: unknown
  try {
    content = parse(text) ?? {}
  } catch (error) {
    return { ok: false, error: messageOf(error) }
  }
  const parsed = PoolsFile.safeParse(content)
  return parsed.success
    ? { ok: true, pools: parsed.data }
    : { ok: false, error: z.prettifyError(parsed.error) }
}
