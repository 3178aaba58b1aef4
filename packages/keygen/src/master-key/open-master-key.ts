import { createHash } from 'node:crypto'
import type { MasterKey } from '@copr/contract/configuration/keygen-config'
import { seal, unseal } from '../seal.ts'
import { commandKey } from './command-key.ts'
import type { KeyWrapper } from './key-wrapper.ts'
import { createMasterKey, readMasterKey } from './master-key-file.ts'
import { pkcs11Key } from './pkcs11-key.ts'

function wrapperOfBytes(key: Buffer): KeyWrapper {
  const id = `file:${createHash('sha256').update('copr master key').update(key).digest('hex').slice(0, 32)}`
  return {
    id,
    bytes: key,
    wrap: async (context, secret) => seal(key, context, secret),
    unwrap: async (context, wrapped) => unseal(key, context, wrapped),
  }
}

/** Opens the configured master key. If its file is missing, creates the file if `may_make` returns true, and throws if it returns false. */
export async function openMasterKey(
  source: MasterKey,
  may_make: () => Promise<boolean>,
): Promise<KeyWrapper> {
  if (source.pkcs11) return await pkcs11Key(source.pkcs11)
  if (source.command) return commandKey(source.command)
  const { file } = source
  if (file === undefined) throw new Error('Set one of file, pkcs11 and command for the master key')
  const found = await readMasterKey(file)
  if (found) return wrapperOfBytes(found)
  if (!(await may_make()))
    throw new Error(`Restore ${file}: the stored keys cannot be opened without it`)
  return wrapperOfBytes(await createMasterKey(file))
}
