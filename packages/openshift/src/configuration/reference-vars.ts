import { z } from 'zod'

/** How one key of the reference system's file is used. */
export interface KeyRemark {
  key: string
  became: string
}

interface Accepted {
  /** The settings that belong in vars.yml. */
  vars: Record<string, unknown>
  /** The settings that belong in secret-vars.yml. */
  secrets: Record<string, unknown>
  remarks: KeyRemark[]
}

/** Top-level keys that identify a file of the reference system. */
const TELLING = [
  'oc_api_endpoint',
  'frontend_backend_password',
  'backend_fqdn',
  'aws_config',
  'postgres_password',
]

export function isReferenceVars(content: unknown): boolean {
  const keys = z.record(z.string(), z.unknown()).safeParse(content).data ?? {}
  return TELLING.some((key) => key in keys)
}

type Rule = (value: string, into: Accepted) => string

const unused =
  (why: string): Rule =>
  () =>
    `not used: ${why}`

/** The rule for each key of the reference system's secret-vars.yml and of its chart's values, by the key's path. */
const RULES: Record<string, Rule> = {
  oc_api_endpoint: (value, { vars }) => {
    vars['cluster'] = { api: value }
    return 'cluster.api: nothing is deployed into any other cluster'
  },
  project: (value, { vars }) => {
    vars['name'] = value
    return `name: the namespace ${value}`
  },
  frontend_base_url: (value, { vars }) => {
    const host = hostOf(value)
    if (host === undefined || !host.includes('.'))
      return 'not used: the host is given by the cluster (set expose.host for one of your own)'
    vars['expose'] = { host }
    return `expose.host: ${host}, by https`
  },
  distgit_fqdn: unused('sources are below /git and /lookaside of the one public host'),
  backend_fqdn: unused('results are below /results of the one public host'),
  postgres_password: unused('a password is generated and kept in the Secret database'),
  postgres_user: unused('the role of the database is copr'),
  postgres_database_name: unused('the database is copr'),
  frontend_backend_password: unused(
    'the components share the database; builders get tokens of their own',
  ),
  deployment: unused('profile says how large the deployment is'),
  create_project: unused('the namespace is made when it is missing and you may'),
  'aws_config.access_key_id': (value, { secrets }) => {
    secrets['aws'] = { ...(secrets['aws'] as object | undefined), access_key_id: value }
    return 'aws.access_key_id: in the Secret cloud-aws, which only resalloc sees'
  },
  'aws_config.secret_access_key': (value, { secrets }) => {
    secrets['aws'] = { ...(secrets['aws'] as object | undefined), secret_access_key: value }
    return 'aws.secret_access_key: in the Secret cloud-aws, which only resalloc sees'
  },
  'aws_config.ssh_key.name': unused('builders call in over HTTPS; no key pair is made in EC2'),
  'aws_config.ssh_key.private': unused('nobody logs in to builders; delete this key'),
  'aws_config.ssh_key.public': unused('nobody logs in to builders'),
}

/** Converts a file of the reference system, which need not be edited, and reports how each of its keys is used. */
export function acceptReferenceVars(content: unknown): Accepted {
  const accepted: Accepted = { vars: {}, secrets: {}, remarks: [] }
  for (const [key, value] of leavesOf(content, '')) {
    const rule = RULES[key]
    const isBlank = value === '' || value === '...' || /^<.*>$/.test(value)
    accepted.remarks.push({
      key,
      became: isBlank ? 'empty' : rule ? rule(value, accepted) : otherwise(key),
    })
  }
  return accepted
}

function otherwise(key: string): string {
  if (key.startsWith('resources.')) return 'not used: profile decides requests and limits'
  if (key.endsWith('_image'))
    return 'not used: images come by digest from the lock file of the release'
  return 'not used: not known here'
}

function leavesOf(value: unknown, prefix: string): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[prefix, scalarText(value)]]
  return Object.entries(value).flatMap(([key, each]) =>
    leavesOf(each, prefix === '' ? key : `${prefix}.${key}`),
  )
}

function scalarText(value: unknown): string {
  return typeof value === 'string' ? value.trim() : JSON.stringify(value ?? '').replace(/^""$/, '')
}

function hostOf(url: string): string | undefined {
  try {
    return new URL(url).hostname
  } catch {
    return undefined
  }
}
