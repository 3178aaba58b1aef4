import { z } from 'zod'
import { DistgitInstances } from './configuration/distgit-instances.ts'
import { Amqp, Mail } from './configuration/events-config.ts'
import { Keygen } from './configuration/keygen-config.ts'
import { Limits } from './configuration/limits.ts'
import { Oidc, OpenshiftLogin } from './configuration/login-config.ts'
import { PackageIndexes } from './configuration/package-indexes.ts'
import { S3 } from './configuration/s3-config.ts'
import { Port, TlsFiles, Url } from './configuration/values.ts'
import { isLoopback } from './listen-address.ts'
import { PrivateUrls } from './private-urls.ts'
import { TrustedProxies } from './trusted-proxies.ts'

/**
 * The system's only configuration file; every component reads it and uses the settings that it needs. `make schema` writes
 * docs/administration/reference.md from the descriptions.
 */
export const Configuration = z.strictObject({
  public_url: Url.describe(
    'URL at which users reach the site: pages, API, `/results`, `/git`, `/lookaside` and `/builder`',
  ),
  results_url: Url.optional().describe(
    'URL at which users and dnf find results, such as `https://results.example.org/results`; default: `/results` under `public_url`. If it is on a separate host, files made by users are not same-site with logins; the same server serves that host (`expose.results_host` in `vars.yml`)',
  ),
  internal_url: Url.optional().describe(
    'URL at which builders and dist-git reach the site; default: `public_url`',
  ),
  listen: z
    .strictObject({
      host: z
        .string()
        .default('0.0.0.0')
        .describe('address to listen on; `make up` sets `127.0.0.1`'),
      port: Port.default(5000).describe('the one public port'),
      tls: TlsFiles.optional(),
      probes_port: Port.optional().describe(
        'port of `/livez`, `/readyz` and `/metrics`, in plain HTTP; without it, they are not served',
      ),
      trusted_proxies: TrustedProxies.optional().describe(
        'addresses and networks of reverse proxies whose `X-Forwarded-For` is trusted; default: `127.0.0.0/8` and `::1` ([audit.md](audit.md#addresses-behind-a-reverse-proxy))',
      ),
    })
    .describe('The address, port and certificate at which the component answers.'),
  trusted_ca_files: z
    .array(z.string())
    .default([])
    .describe('PEM files with authorities that are trusted in addition to the public ones'),
  public_ca_file: z
    .string()
    .optional()
    .describe(
      'PEM file with the authorities of the certificate of `public_url`, where they are not public: builder pods and EC2 machines receive them. `coprctl deploy` takes it from OpenShift, or from `ca.crt` in the Secret of `expose.certificate`',
    ),
  data_dir: z.string().describe('directory of results, dist-git, uploads and caches'),
  results: z
    .strictObject({ s3: S3.optional() })
    .prefault({})
    .describe(
      'Optional. Packages, repositories, logs and uploads are in `data_dir` unless `results.s3` names a bucket ([backup.md](backup.md#results-in-s3)).',
    ),
  database_url: z.string().describe('PostgreSQL, as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`'),
  database_password: z
    .string()
    .min(1)
    .optional()
    .describe('replaces the password in `database_url`, so that the two can be stored separately'),
  site_name: z.string().default('Copr').describe('name of the site on its pages'),
  sign_domain: z
    .string()
    .default('localhost')
    .describe(
      "host part of the email addresses in new signing keys; `make up` sets the machine's host name",
    ),
  keygen: Keygen.describe(
    'The service that keeps the private keys, and the credentials of its callers.',
  ),
  oidc: Oidc.optional().describe(
    'Optional: an OpenID Connect provider where users log in ([login.md](login.md#openid-connect)).',
  ),
  openshift_login: OpenshiftLogin.optional().describe(
    'Optional, instead of `oidc`: the OAuth server of the OpenShift that the site runs in ([login.md](login.md#openshift)).',
  ),
  amqp: Amqp.optional().describe(
    'Optional: a message broker to which build events are published, as Fedora Messaging expects them ([events.md](events.md#message-bus)).',
  ),
  mail: Mail.optional().describe(
    'Optional: a mail server for notices to users ([events.md](events.md#mail)).',
  ),
  repo_gpgcheck: z
    .boolean()
    .default(true)
    .describe('whether `.repo` files ask dnf to verify the signed metadata'),
  distgit_instances: DistgitInstances,
  sources: PackageIndexes.prefault({}).describe(
    'Optional. List the address of an index in a private network in `allow_private_urls`; an index on a machine that builds must be listed even if that is `true`. Where an index requires a password, write `https://USER:PASSWORD@HOST`: logs, specs and pages do not show it.',
  ),
  local_builders: z
    .number()
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe(
      'number of builders that run on this machine; `make up` sets one per core, at most 8, or the value of `--builders`',
    ),
  pools_file: z
    .string()
    .optional()
    .describe(
      'file with pools of machines that are started and removed as needed ([pools.md](../pools.md))',
    ),
  installation_id: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/)
    .optional()
    .describe(
      'tag of everything that this installation has in clouds: lower-case letters, digits and `-`; required with `pools_file`. Must be unique and must not change while machines exist; `make up` sets a random one',
    ),
  allow_private_urls: PrivateUrls.optional().describe(
    'whether URLs from users (sources, external repositories) may point to loopback and private addresses: `true`, `false`, or the ranges that are allowed, as `[10.20.0.0/16]`; default: `true` if `listen.host` and `public_url` are on loopback ([tutorial.md](tutorial.md#open-to-others))',
  ),
  limits: Limits.prefault({}).describe('Optional. Sizes, times and numbers of tasks.'),
})
export type Configuration = z.infer<typeof Configuration>

/**
 * Returns the private networks that user-supplied URLs may lead to: all, none, or the configured ranges. By default, all are allowed if
 * both the listen address and the public URL are loopback addresses, because then only users of this machine can reach the site; otherwise,
 * none are allowed. If only the public URL is not a loopback address, a reverse proxy serves other users, who must not reach the machine's
 * network.
 */
export function allowsPrivateUrls({
  allow_private_urls,
  listen,
  public_url,
}: Pick<Configuration, 'allow_private_urls' | 'listen' | 'public_url'>): PrivateUrls {
  return allow_private_urls ?? (isLoopback(listen.host) && isLoopback(new URL(public_url).hostname))
}
