import { existsSync, readFileSync } from 'node:fs'
import { Configuration } from '@copr/contract/configuration'
import { messageOf } from '@copr/process/errors'
import { parse } from 'yaml'
import { z } from 'zod'

/** Reads a configuration file, and the files that its values refer to; throws a single error that lists all faults. */
export function readConfigFile(path: string): Configuration {
  let content: unknown
  try {
    content = withFiles(parse(readFileSync(path, 'utf8')))
  } catch (error) {
    const why = existsSync(path) ? messageOf(error) : 'it does not exist; --config names another'
    throw new Error(`Cannot read the configuration file ${path}: ${why}`, { cause: error })
  }
  const parsed = Configuration.safeParse(content)
  if (!parsed.success)
    throw new Error(`Cannot use the configuration file ${path}:${faultsIn(parsed.error)}`)
  return withPassword(parsed.data)
}

/** Describes the faults. If all of them are unknown keys, a newer version has probably written the file, and the text says so. */
function faultsIn(error: z.ZodError): string {
  const unknown = error.issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => [...issue.path, key].join('.')).join(', ')
      : undefined,
  )
  return unknown.includes(undefined)
    ? `\n${z.prettifyError(error)}`
    : ` unknown keys in this version: ${unknown.join(', ')}; remove them, or start the newer version that wrote them`
}

const FromFile = z.strictObject({ from_file: z.string() })

/** Replaces each `{from_file: PATH}` with the content of that file, so that the configuration itself need not contain secrets. */
function withFiles(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const reference = FromFile.safeParse(value)
  if (reference.success) return readFileSync(reference.data.from_file, 'utf8').trim()
  if (Array.isArray(value)) return value.map(withFiles)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withFiles(each)]))
}

function withPassword({ database_password, ...config }: Configuration): Configuration {
  if (database_password === undefined) return config
  const url = new URL(config.database_url)
  url.password = encodeURIComponent(database_password)
  return { ...config, database_url: url.href }
}
