import type { ResultFile } from '@copr/contract/builder-protocol'
import { CoprError } from '@copr/process/errors'

/** Maximum number of files per task; no known source package builds as many. */
export const MAX_FILES = 10_000

export function checkList(list: ResultFile[]): void {
  if (new Set(list.map(({ name }) => name)).size !== list.length)
    throw new CoprError('invalid', 'Cannot finish: a file is listed twice')
  if (list.length > MAX_FILES)
    throw new CoprError('invalid', `Cannot accept more than ${MAX_FILES} files`)
}

/** Throws unless a file has the size and digest that its agent reported; `size` is undefined if the file was not uploaded. */
export async function checkFacts(
  { name, size: expected, sha256 }: ResultFile,
  size: number | undefined,
  digest: () => Promise<string>,
): Promise<void> {
  if (size !== expected)
    throw new CoprError(
      'invalid',
      `Cannot finish: ${name}: expected ${expected} bytes, received ${size ?? 'none'}`,
    )
  const received = await digest()
  if (received !== sha256)
    throw new CoprError(
      'invalid',
      `Cannot finish: SHA-256 mismatch of ${name}: expected ${sha256}, received ${received}`,
    )
}
