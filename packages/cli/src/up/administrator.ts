import { existsSync, readFileSync } from 'node:fs'
import type { Db } from '@copr/domain/database/open'
import { COMMAND } from '@copr/domain/audit/actor'
import { issueToken, userOfToken } from '@copr/domain/users/api-tokens'
import { makeLoginLink } from '@copr/domain/logins/login-links'
import { createUser, findAccount } from '@copr/domain/users/user-queries'
import { type Layout, writeSecretFile } from './data-dir.ts'

export const ADMINISTRATOR = 'admin'

export interface Credentials {
  login: string
  token: string
}

export interface Administrator extends Credentials {
  /** A link that can be used once, with which the administrator sets a password; undefined if a password is already set. */
  login_url: string | undefined
}

/**
 * Creates the administrator and the configuration of copr-cli at the first start, or whenever one of them is missing;
 * otherwise only updates the URL in the configuration.
 */
export async function prepareAdministrator(
  db: Db,
  paths: Layout,
  { url, token_days }: { url: string; token_days: number },
): Promise<Administrator> {
  const now = new Date()
  const known = await findAccount(db, ADMINISTRATOR)
  const admin = known ?? (await createUser(db, { username: ADMINISTRATOR, is_admin: true, now }))
  const login_url = known?.has_password
    ? undefined
    : loginUrl(url, await makeLoginLink(db, COMMAND, admin, now))
  const kept = readClientConfig(paths.client_config)
  const isValid = kept !== undefined && (await userOfToken(db, kept, now)) !== undefined
  const credentials = isValid ? kept : await issueToken(db, admin.id, { now, days: token_days })
  writeSecretFile(paths.client_config, clientConfig(url, credentials))
  return { ...credentials, login_url }
}

/** Returns the URL of a login link. */
export function loginUrl(public_url: string, secret: string): string {
  return `${public_url}/login/link/${secret}`
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
