import { randomBytes } from 'node:crypto'
import { link, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

const KEY_BYTES = 32

/** Reads a key of 32 bytes, raw or in base64, as users put it into Kubernetes Secrets; returns undefined if there is no such file. */
export async function readMasterKey(path: string): Promise<Buffer | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) return undefined
  if ((found.mode & 0o007) !== 0)
    throw new Error(
      `${path} holds keygen's master key and must not be readable by others: run chmod 600`,
    )
  const bytes = await readFile(path)
  return bytes.length === KEY_BYTES ? bytes : parseMasterKey(bytes.toString('latin1'), path)
}

function parseMasterKey(base64: string, source: string): Buffer {
  const text = base64.trim()
  const key = Buffer.from(text, 'base64')
  if (key.length !== KEY_BYTES || key.toString('base64') !== text)
    throw new Error(
      `Put 32 random bytes, raw or in base64, into ${source}: it holds keygen's master key`,
    )
  return key
}

/** Creates a master key file atomically; throws if there is one already. */
export async function createMasterKey(path: string): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES)
  const unfinished = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await using file = await open(unfinished, 'wx', 0o600)
    await file.writeFile(key)
    await file.sync()
    await link(unfinished, path)
  } finally {
    await rm(unfinished, { force: true })
  }
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
  return key
}
