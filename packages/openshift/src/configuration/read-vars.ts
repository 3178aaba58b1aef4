import { SecretVars, Vars } from '@copr/contract/deployment/vars'
import { CoprError, messageOf } from '@copr/process/errors'
import { parse } from 'yaml'
import { z } from 'zod'
import { didYouMean } from './did-you-mean.ts'
import { acceptReferenceVars, isReferenceVars, type KeyRemark } from './reference-vars.ts'

/** A configuration file that the administrator wrote. */
export interface VarsFile {
  path: string
  text: string
}

export interface ReadVars {
  vars: Vars
  secrets: SecretVars
  /** The vars that the files set, without defaults. */
  given: unknown
  /** How each key of a file of the reference system is used; empty if no such file was read. */
  remarks: KeyRemark[]
}

/** Matches key material: a private key, or an AWS access key. */
const KEY_MATERIAL = /-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(AKIA|ASIA)[A-Z0-9]{16}\b/

/**
 * Reads vars.yml and secret-vars.yml. Instead of secret-vars.yml, the second file may be one of the reference system, or the values of its
 * Helm chart.
 */
export function readVars({ vars, secrets }: { vars?: VarsFile; secrets?: VarsFile }): ReadVars {
  if (vars && KEY_MATERIAL.test(vars.text))
    throw new CoprError(
      'invalid',
      `Cannot use ${vars.path}: it has a key in it; keys belong into secret-vars.yml or, better, into a Secret that vars.yml names`,
    )
  const said = contentOf(vars)
  const secret = contentOf(secrets)
  const reference = secrets && isReferenceVars(secret) ? acceptReferenceVars(secret) : undefined
  const given = reference ? merged(reference.vars, said) : said
  return {
    vars: accept(Vars, given, vars?.path ?? secrets?.path ?? 'vars.yml'),
    secrets: accept(SecretVars, reference?.secrets ?? secret, secrets?.path ?? 'secret-vars.yml'),
    given,
    remarks: reference?.remarks ?? [],
  }
}

function contentOf(file: VarsFile | undefined): unknown {
  if (!file) return {}
  try {
    return withoutEmpty(parse(file.text)) ?? {}
  } catch (error) {
    throw new CoprError('invalid', `Cannot read ${file.path}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Removes keys without a value, which count as not set. Templates have many of them. */
function withoutEmpty(value: unknown): unknown {
  if (value === null) return undefined
  if (Array.isArray(value) || typeof value !== 'object') return value
  const kept = Object.entries(value as object)
    .map(([key, each]) => [key, withoutEmpty(each)] as const)
    .filter(([, each]) => each !== undefined)
  return Object.fromEntries(kept)
}

/** Merges records recursively; values of `above`, which come from vars.yml, take precedence. */
function merged(below: unknown, above: unknown): unknown {
  if (!isRecord(below) || !isRecord(above)) return above ?? below
  const keys = new Set([...Object.keys(below), ...Object.keys(above)])
  return Object.fromEntries([...keys].map((key) => [key, merged(below[key], above[key])]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function accept<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.flatMap((issue) => faultsOf(issue, schema))
  throw new CoprError(
    'invalid',
    `Cannot use ${path}:\n${faults.map((each) => `  ${each}`).join('\n')}`,
  )
}

function faultsOf(issue: z.core.$ZodIssue, schema: z.ZodType): string[] {
  const place = issue.path.join('.')
  if (issue.code !== 'unrecognized_keys') return [`${place || 'the file'}: ${issue.message}`]
  const known = namesAt(schema, issue.path)
  return issue.keys.map((key) => {
    const full = place === '' ? key : `${place}.${key}`
    const meant = didYouMean(key, known)
    const hint = meant ? `did you mean ${meant}?` : `known here: ${known.join(', ')}`
    return `${full}: there is no such key; ${hint}`
  })
}

const WithProperties = z.object({ properties: z.record(z.string(), z.unknown()) })

function namesAt(schema: z.ZodType, path: PropertyKey[]): string[] {
  let node: unknown = z.toJSONSchema(schema, { io: 'input' })
  for (const name of path) node = WithProperties.safeParse(node).data?.properties[String(name)]
  return Object.keys(WithProperties.safeParse(node).data?.properties ?? {})
}
