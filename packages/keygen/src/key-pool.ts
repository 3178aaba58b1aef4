import { randomUUID } from 'node:crypto'
import { generatePrivateKey } from './key-pair.ts'
import { addPooledKey, countPooledKeys, takePooledKey } from './key-table.ts'
import { poolContext } from './sealed-secrets.ts'
import type { KeygenContext } from './keygen-context.ts'

/**
 * Generates RSA keys in advance, one at a time, until the pool has `size` keys. `stop` takes effect after the key that is being generated.
 */
export async function refillPool(
  keygen: KeygenContext,
  size: number,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted && (await countPooledKeys(keygen.db)) < size) {
    const secret = await generatePrivateKey('rsa4096')
    const id = randomUUID()
    const sealed_private_key = keygen.sealer.seal(poolContext(id), secret)
    secret.fill(0)
    await addPooledKey(keygen.db, { id, sealed_private_key, made_at: keygen.now() })
  }
}

/** Returns an RSA key as PKCS #8. Takes it from the pool; if the pool is empty, generates one, which takes seconds. */
export async function drawRsaKey(keygen: KeygenContext): Promise<Buffer> {
  const pooled = await takePooledKey(keygen.db)
  keygen.pool_drawn.ring()
  if (!pooled) return await generatePrivateKey('rsa4096')
  return keygen.sealer.unseal(poolContext(pooled.id), pooled.sealed_private_key)
}
