import { createHash } from 'node:crypto'
import { CLUSTER_PROXIES } from '@copr/contract/trusted-proxies'
import { yamlOf } from '../objects/yaml.ts'
import { databaseAccess } from './database.ts'
import { eventsConfig } from './events.ts'
import { clientId, loginMode } from './login.ts'
import { type Facts, publicUrl } from './facts.ts'
import { BUCKET_USERS, hasBucketCa, resultsConfig } from './results-in-s3.ts'
import { hasInnerTls, type Component, COMPONENTS, type RenderContext } from './render-context.ts'

export const DATA_DIR = '/var/lib/copr'
export const CONFIG_DIR = '/etc/copr'
export const CONFIG_FILE = `${CONFIG_DIR}/config/copr.yaml`
const INGRESS_CA = `${CONFIG_DIR}/ingress-ca/ca.crt`
/** CA certificates for the API server. On OpenShift, they include that of the router, through which the OAuth server is reached. */
const API_CA = `${CONFIG_DIR}/api/ca.crt`
const TLS = {
  certificate_file: `${CONFIG_DIR}/tls/tls.crt`,
  key_file: `${CONFIG_DIR}/tls/tls.key`,
}
const fromFile = (path: string): object => ({ from_file: `${CONFIG_DIR}/${path}` })

export type Program = Component | 'postgresql' | 'prepare'

/** Returns a program's configuration as YAML. Secrets are not in it: it refers to files that contain them. */
export function programConfig(context: RenderContext, program: Program): string {
  const { vars, facts } = context
  const { sign_domain, ...site } = vars.site
  const database = databaseAccess(context)
  return yamlOf({
    public_url: publicUrl(facts),
    ...(vars.expose.results_host === undefined
      ? {}
      : { results_url: `https://${vars.expose.results_host}/results` }),
    ...internalUrl(context, program),
    listen: listenOf(context, program),
    trusted_ca_files: trustedFiles(context, program),
    data_dir: DATA_DIR,
    database_url: database.url,
    database_password: fromFile('database/password'),
    ...(BUCKET_USERS.has(program) ? resultsConfig(context, fromFile) : {}),
    keygen: keygenOf(context, program),
    ...(program === 'resalloc' ? machinesOf(context) : {}),
    ...(program === 'frontend' ? loginOf(context) : {}),
    ...eventsConfig(context, program, { dir: CONFIG_DIR, fromFile }),
    ...site,
    sign_domain: sign_domain ?? facts.host,
  })
}

/** The components that call keygen. If pods have service account tokens, each caller sends one with the audience KEYGEN_AUDIENCE. */
export const KEYGEN_CALLERS: ReadonlySet<Program> = new Set(['frontend', 'backend'])
export const KEYGEN_AUDIENCE = 'copr-keygen'

/** Whether pods get tokens of their service accounts. */
export function hasAccountTokens({ flavour }: Pick<Facts, 'flavour'>): boolean {
  return flavour !== 'podman'
}

function keygenOf(context: RenderContext, program: Program): object {
  const { port } = COMPONENTS.keygen
  const hasTokens = hasAccountTokens(context.facts)
  const url = `https://keygen.${context.namespace}.svc:${port}`
  if (program !== 'keygen')
    return {
      url,
      ca_file: `${CONFIG_DIR}/ca/ca.crt`,
      ...(KEYGEN_CALLERS.has(program)
        ? hasTokens
          ? { token_file: `${CONFIG_DIR}/keygen/token` }
          : { secret: fromFile('keygen/secret') }
        : {}),
    }
  return {
    url,
    listen: { host: '0.0.0.0', port },
    tls: TLS,
    master_key_file: `${CONFIG_DIR}/master-key/master-key`,
    ...(hasTokens
      ? { service_accounts: callersOf(context) }
      : { secret: fromFile('keygen/secret') }),
  }
}

function callersOf(context: RenderContext): object {
  return {
    audience: KEYGEN_AUDIENCE,
    namespace: context.namespace,
    // If frontend and backend share a pod, they also share its service account, which then has the rights of both.
    accounts: context.is_shared
      ? { frontend: ['make', 'seal'], backend: ['make', 'sign', 'open'] }
      : { servers: ['make', 'sign', 'seal', 'open'] },
    api_ca_file: API_CA,
    api_token_file: `${CONFIG_DIR}/api/token`,
  }
}

/** Configuration of resalloc. The installation ID marks all its machines; it is derived from the host, which is unique. */
function machinesOf({ facts, namespace }: RenderContext): object {
  const mark = createHash('sha256').update(facts.host).digest('hex').slice(0, 12)
  return {
    pools_file: '/etc/copr-pools/pools.yaml',
    installation_id: `${namespace.slice(0, 27).replace(/-+$/, '')}-${mark}`,
    ...(facts.ingress_ca === undefined ? {} : { public_ca_file: INGRESS_CA }),
  }
}

/** For dist-git, the URL inside the cluster from which it gets imports; for the backend, the URL that the gateway gives to builders. */
function internalUrl(context: RenderContext, program: Program): { internal_url?: string } {
  const { builders_url } = context.facts
  if (program === 'backend' && builders_url !== undefined) return { internal_url: builders_url }
  if (program !== 'distgit') return {}
  const scheme = hasInnerTls(context) ? 'https' : 'http'
  return { internal_url: `${scheme}://backend.${context.namespace}.svc:${COMPONENTS.backend.port}` }
}

function listenOf(context: RenderContext, program: Program): object {
  if (program === 'prepare') return {}
  if (program === 'postgresql') return { tls: TLS }
  const { port, probes_port } = COMPONENTS[program]
  return {
    host: '0.0.0.0',
    port,
    probes_port,
    ...(program === 'frontend'
      ? { trusted_proxies: context.vars.expose.trusted_proxies ?? CLUSTER_PROXIES }
      : {}),
    ...(program !== 'keygen' && servesTls(context, program) ? { tls: TLS } : {}),
  }
}

export function servesTls(context: RenderContext, program: Program): boolean {
  if (program === 'keygen' || program === 'postgresql') return true
  return program !== 'prepare' && program !== 'resalloc' && hasInnerTls(context)
}

/** CA certificates of the Services, the database, the cluster's public certificates and the S3 server. */
function trustedFiles(context: RenderContext, program: Program): string[] {
  return [
    `${CONFIG_DIR}/ca/ca.crt`,
    ...(databaseAccess(context).ca ? [`${CONFIG_DIR}/database-ca/ca.crt`] : []),
    ...(context.facts.ingress_ca === undefined ? [] : [INGRESS_CA]),
    ...(asksCluster(context, program) ? [API_CA] : []),
    ...(BUCKET_USERS.has(program) && hasBucketCa(context)
      ? [`${CONFIG_DIR}/bucket-ca/ca.crt`]
      : []),
  ]
}

/** Whether the program calls the API server to identify users: the frontend does if they log in through the cluster. */
export function asksCluster(context: RenderContext, program: Program): boolean {
  return program === 'frontend' && loginMode(context) === 'openshift'
}

function loginOf(context: RenderContext): object {
  const { oidc, admin_group } = context.vars.login
  switch (loginMode(context)) {
    case 'oidc': {
      const { client_secret: _, ...rest } = oidc ?? {}
      return { oidc: { ...rest, client_secret: fromFile('oidc/client_secret'), admin_group } }
    }
    case 'openshift': {
      const client_secret_file = `${CONFIG_DIR}/login/token`
      return { openshift_login: { client_id: clientId(context), client_secret_file, admin_group } }
    }
    case 'local':
      return {}
  }
}
