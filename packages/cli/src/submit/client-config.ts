import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CoprError, messageOf } from '@copr/process/errors'

/** The configuration of copr-cli, from the section `[copr-cli]` of an INI file. */
export interface ClientConfig {
  login: string
  token: string
  /** Without a trailing slash. */
  copr_url: string
  username: string | undefined
}

export function defaultConfigPath(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? '/root', '.config'), 'copr')
}

export function readClientConfig(path: string): ClientConfig {
  const text = readText(path)
  const section = /^\[copr-cli\]\s*$([^]*?)(?=^\[|$(?![^]))/m.exec(text)?.[1] ?? ''
  const values = new Map(
    [...section.matchAll(/^\s*(\w+)\s*[=:]\s*(.*?)\s*$/gm)].map(([, key = '', value = '']) => [
      key,
      value,
    ]),
  )
  const required = (key: string): string => {
    const value = values.get(key)
    if (value) return value
    throw new CoprError('invalid', `${path} has no ${key} in its section [copr-cli]`)
  }
  return {
    login: required('login'),
    token: required('token'),
    copr_url: required('copr_url').replace(/\/+$/, ''),
    username: values.get('username'),
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CoprError(
      'invalid',
      `Cannot read the configuration of copr-cli: ${messageOf(error)}; the page API of the site has its text, --config names another file`,
      { cause: error },
    )
  }
}
