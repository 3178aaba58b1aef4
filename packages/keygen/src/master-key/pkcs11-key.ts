import { constants, createHash, createPublicKey, publicEncrypt } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MasterKey } from '@copr/contract/configuration/keygen-config'
import type { KeyWrapper } from './key-wrapper.ts'
import { pipe } from './pipe.ts'

type Pkcs11 = NonNullable<MasterKey['pkcs11']>

/**
 * Opens an RSA key in a PKCS #11 token. Encryption needs only its public key; decryption happens in the token, through
 * `pkcs11-tool`, which runs only at startup and when the master key changes.
 */
export async function pkcs11Key(token: Pkcs11): Promise<KeyWrapper> {
  const spki = await tool(token, ['--read-object', '--type', 'pubkey'])
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  const { hash } = token
  return {
    id: `pkcs11:${createHash('sha256').update(spki).digest('hex').slice(0, 32)}`,
    wrap: async (context, secret) =>
      publicEncrypt(
        { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash },
        Buffer.concat([nameOf(context), secret]),
      ),
    async unwrap(context, wrapped) {
      const opened = await decrypt(token, wrapped)
      const name = nameOf(context)
      if (!opened.subarray(0, name.length).equals(name))
        throw new Error(
          `Cannot decrypt ${context}: it was sealed with another master key, or altered`,
        )
      return opened.subarray(name.length)
    },
  }
}

/**
 * Hashes the name of a data key, so that the key opens only in its own row. The hash has only 16 bytes, because OAEP leaves little space.
 */
function nameOf(context: string): Buffer {
  return createHash('sha256').update(context).digest().subarray(0, 16)
}

async function decrypt(token: Pkcs11, wrapped: Buffer): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-unwrap-'))
  try {
    // The input may be a file because it is encrypted; the plaintext comes back through a pipe.
    const input = join(dir, 'wrapped')
    await writeFile(input, wrapped)
    const name = token.hash === 'sha1' ? 'SHA-1' : 'SHA256'
    const mgf = token.hash === 'sha1' ? 'MGF1-SHA1' : 'MGF1-SHA256'
    const oaep = ['--mechanism', 'RSA-PKCS-OAEP', '--hash-algorithm', name, '--mgf', mgf]
    return await tool(token, ['--decrypt', ...oaep, '--input-file', input])
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function tool(token: Pkcs11, what: string[]): Promise<Buffer> {
  const { module, token_label, key_id, pin_file } = token
  const pin = (await readFile(pin_file, 'utf8')).trim()
  // The PIN is not passed as an argument, because every process on the machine could read it.
  const login = ['--login', '--pin', 'env:COPR_PKCS11_PIN']
  const which = ['--module', module, '--token-label', token_label, '--id', key_id]
  return await pipe(['pkcs11-tool', ...which, ...login, ...what], Buffer.alloc(0), {
    COPR_PKCS11_PIN: pin,
  })
}
