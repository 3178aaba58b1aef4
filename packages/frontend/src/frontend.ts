import type { Configuration } from '@copr/contract/configuration'
import type { QuotaDefaults } from '@copr/contract/quota-kinds'
import type { Db } from '@copr/domain/database/open'
import type { Attempts } from '@copr/process/attempts'
import type { KeygenClient } from '@copr/keygen-client/keygen-client'
import type { Logger } from '@copr/process/log'
import type { Uploads } from '@copr/object-store/uploads'

/** The settings from the configuration file that the frontend uses. */
export type FrontendConfig = {
  listen?: Pick<Configuration['listen'], 'trusted_proxies'> | undefined
} & Pick<
  Configuration,
  | 'public_url'
  | 'results_url'
  | 'site_name'
  | 'repo_gpgcheck'
  | 'distgit_instances'
  | 'oidc'
  | 'openshift_login'
  | 'mail'
> & {
    limits: Pick<
      Configuration['limits'],
      | 'max_unpacked_files'
      | 'default_timeout_seconds'
      | 'max_timeout_seconds'
      | 'token_days'
      | 'max_attempts'
      | 'max_builds_per_sandbox'
      | 'max_builds_per_arch'
      | 'max_builds_per_owner_and_arch'
    > &
      QuotaDefaults
  }

/** The dependencies of the routes and pages. */
export interface Frontend {
  db: Db
  config: FrontendConfig
  keygen: Pick<KeygenClient, 'makeKey' | 'seal' | 'open'>
  /** A local folder in which uploaded files are received and checked. */
  uploads_dir: string
  /** Storage of accepted uploads, shared with the backend, which reads the SRPMs from it. */
  uploads: Uploads
  now: () => Date
  /** Recent failed attempts with tokens, webhook secrets and login links. */
  attempts: Attempts
  log: Logger
  /** Waits, with a time limit, until dnf can use the project's repositories. */
  untilPublished: (project_id: number) => Promise<void>
}

/** The URL of results for users and dnf, without a trailing slash. */
export function resultsUrl({
  public_url,
  results_url,
}: Pick<FrontendConfig, 'public_url' | 'results_url'>): string {
  return results_url ?? `${public_url}/results`
}
