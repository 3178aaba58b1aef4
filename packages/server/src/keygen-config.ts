import type { Configuration } from '@copr/contract/configuration'
import { KeygenConfig } from '@copr/keygen/keygen'
import { CoprError } from '@copr/process/errors'
import { z } from 'zod'

/** Derives keygen's configuration from the one that all components share; throws if the result is invalid. */
export function keygenConfig({
  database_url,
  sign_domain,
  keygen,
  listen,
}: Configuration): KeygenConfig {
  const { hostname, port, protocol } = new URL(keygen.url)
  const { secret, tls, service_accounts, pool_size, signatures_per_minute } = keygen
  const there = { host: hostname, port: Number(port || (protocol === 'https:' ? 443 : 80)) }
  const parsed = KeygenConfig.safeParse({
    ...(keygen.listen ?? there),
    database_url,
    sign_domain,
    secret,
    tls,
    probes_port: listen.probes_port,
    service_accounts,
    pool_size,
    signatures_per_minute,
    master_key: keygen.master_key ?? { file: keygen.master_key_file },
    previous_master_keys: keygen.previous_master_keys,
  })
  if (parsed.success) return parsed.data
  throw new CoprError(
    'invalid',
    `Cannot use the section keygen of the configuration:\n${z.prettifyError(parsed.error)}`,
  )
}
