import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { Db } from '@copr/domain/database/open'
import { issueToken, userOfToken } from '@copr/domain/users/api-tokens'
import { createUser, findUser, setPassword } from '@copr/domain/users/user-queries'
import { type Layout, writeSecretFile } from './data-dir.ts'

export const ADMINISTRATOR = 'admin'

export interface Credentials {
  login: string
  token: string
}

/**
 * Makes the administrator and the configuration of copr-cli at the first start, or whenever one of them is missing;
 * later starts only bring its URL up to date.
 */
export async function prepareAdministrator(
  db: Db,
  paths: Layout,
  { url, token_days }: { url: string; token_days: number },
): Promise<Credentials> {
  const now = new Date()
  const known = await findUser(db, ADMINISTRATOR)
  if (!known || !existsSync(paths.admin_password)) {
    const password = randomBytes(12).toString('base64url')
    writeSecretFile(paths.admin_password, `${password}\n`)
    if (known) await setPassword(db, known.id, password)
    else await createUser(db, { username: ADMINISTRATOR, password, is_admin: true, now })
  }
  const admin = known ?? (await findUser(db, ADMINISTRATOR))
  if (!admin) throw new Error('Cannot find the administrator that was just made')
  const kept = readClientConfig(paths.client_config)
  const isValid = kept !== undefined && (await userOfToken(db, kept, now)) !== undefined
  const credentials = isValid ? kept : await issueToken(db, admin.id, { now, days: token_days })
  writeSecretFile(paths.client_config, clientConfig(url, credentials))
  return credentials
}

function clientConfig(url: string, { login, token }: Credentials): string {
  const encrypted = url.startsWith('https:') ? 'True' : 'False'
  return `[copr-cli]\nlogin = ${login}\nusername = ${ADMINISTRATOR}\ntoken = ${token}\ncopr_url = ${url}\nencrypted = ${encrypted}\n`
}

function readClientConfig(path: string): Credentials | undefined {
  if (!existsSync(path)) return undefined
  const text = readFileSync(path, 'utf8')
  const login = /^login = (.+)$/m.exec(text)?.[1]
  const token = /^token = (.+)$/m.exec(text)?.[1]
  return login && token ? { login, token } : undefined
}
