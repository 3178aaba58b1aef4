import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { cpus, hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { Configuration } from '@copr/contract/configuration'
import { freePort } from '@copr/domain/database/embedded-postgres'
import { stringify } from 'yaml'
import { readConfigFile } from '../configuration/read-config.ts'
import { automaticUrl, givenInternalUrl, givenUrl } from './listen-urls.ts'

/** Returns the paths of an embedded system in its data folder. */
export function layout(dataDir: string) {
  const dir = resolve(dataDir)
  const at = (...names: string[]): string => join(dir, ...names)
  return {
    dir,
    config: at('copr.yaml'),
    client_config: at('copr.conf'),
    lock: at('up.pid'),
    postgres: at('postgres'),
    distro: at('distro'),
    distgit: at('distgit'),
    builders: at('builders'),
    logs: at('logs'),
    /** The folders of uploads, and of results that are not published yet. */
    on_their_way: [at('uploads'), at('staging')],
    example: at('example'),
    keygen_master_key: at('keygen-master-key'),
  }
}
export type Layout = ReturnType<typeof layout>

/** The configuration of a system that `coprctl up` runs, and the port and password of its PostgreSQL server. */
export interface EmbeddedSystem {
  config: Configuration
  postgres: { port: number; password: string }
}

export interface UpOptions {
  port: number
  host: string
  public_url: string | undefined
  builders: number | undefined
}

/** Returns the default number of builders: one for each core, up to 8. */
const defaultBuilders = (): number => Math.max(1, Math.min(8, cpus().length))

/**
 * Reads the configuration of an earlier start, or creates one with new secrets. The options of this start take precedence.
 * `coprctl run COMPONENT` can use the same file.
 */
export async function prepareDataDir(paths: Layout, options: UpOptions): Promise<EmbeddedSystem> {
  // PostgreSQL does not run as root, but must be able to traverse the folder. The mode of an existing folder is not changed.
  mkdirSync(paths.dir, { recursive: true, mode: 0o711 })
  for (const dir of [paths.builders, paths.distgit]) mkdirSync(dir, { recursive: true })
  for (const dir of [paths.logs, ...paths.on_their_way]) makePrivate(dir)
  const known = existsSync(paths.config) ? readConfigFile(paths.config) : undefined
  const postgresPassword = known
    ? decodeURIComponent(new URL(known.database_url).password)
    : randomBytes(24).toString('base64url')
  const postgresPort = await freePort(known ? Number(new URL(known.database_url).port) : 0)
  const keygenPort = await freePort(known ? Number(new URL(known.keygen.url).port) : 0)
  const config = Configuration.parse({
    ...known,
    public_url: options.public_url ?? givenUrl(known) ?? automaticUrl(options),
    internal_url: givenInternalUrl(known) ?? automaticUrl(options),
    listen: { host: options.host, port: options.port },
    data_dir: paths.dir,
    database_url: `postgres://copr:${postgresPassword}@127.0.0.1:${postgresPort}/copr`,
    sign_domain: known?.sign_domain ?? hostname(),
    keygen: {
      ...known?.keygen,
      url: `http://127.0.0.1:${keygenPort}`,
      secret: known?.keygen.secret ?? randomBytes(32).toString('base64url'),
      master_key_file: paths.keygen_master_key,
    },
    local_builders: options.builders ?? known?.local_builders ?? defaultBuilders(),
    installation_id: known?.installation_id ?? randomBytes(8).toString('hex'),
  })
  writeSecretFile(
    paths.config,
    `# Made by coprctl up. Every program reads it: coprctl run COMPONENT --config THIS\n${stringify(config)}`,
  )
  return { config, postgres: { port: postgresPort, password: postgresPassword } }
}

/** Makes a folder and the files in it accessible only to their owner, including files that earlier versions created. */
function makePrivate(dir: string): void {
  mkdirSync(dir, { recursive: true })
  chmodSync(dir, 0o700)
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isFile()) chmodSync(join(dir, entry.name), 0o600)
}

/** Atomically writes a file that only its owner can read. */
export function writeSecretFile(path: string, content: string): void {
  const aside = `${path}.new`
  writeFileSync(aside, content, { mode: 0o600 })
  chmodSync(aside, 0o600)
  renameSync(aside, path)
}
