import type { Vars } from '@copr/contract/deployment/vars'
import { withoutSlashes } from '@copr/contract/without-slashes'
import { CoprError } from '@copr/process/errors'
import { type Facts, publicUrl } from '../render/facts.ts'
import type { Place } from './place.ts'
import { buildersUrl } from './podman-pods.ts'

export interface PodmanVars {
  vars: Vars
  /** Descriptions of the settings that podman cannot honor, and of the replacements. */
  remarks: string[]
}

/** Adapts the vars of a cluster deployment to one machine with podman. */
export function varsForPodman(given: Vars): PodmanVars {
  const vars = structuredClone(given)
  const remarks: string[] = []
  const instead = (isSo: boolean, remark: string, change: () => void): void => {
    if (!isSo) return
    remarks.push(remark)
    change()
  }
  refuseClouds(vars)
  const { database, builders, login, expose } = vars
  instead(
    database.mode === 'cloudnativepg' || database.mode === 'crunchy',
    `database.mode: ${database.mode} needs an operator; here the embedded PostgreSQL is used instead`,
    () => (vars.database = { mode: 'embedded' }),
  )
  instead(
    Object.keys(builders.pools).length > 0 || builders.pods.enabled,
    'builders: pools and pods are ignored; containers on this machine build instead',
    () => {
      builders.pools = {}
      builders.pods.enabled = false
    },
  )
  instead(
    login.mode === 'openshift',
    'login.mode: OpenShift is not available here; users log in with passwords',
    () => (login.mode = 'local'),
  )
  instead(
    expose.host !== undefined ||
      expose.results_host !== undefined ||
      expose.certificate !== 'cluster',
    'expose: ignored; --port and --public-url set how users reach it here',
    () => (vars.expose = { with: 'ingress', certificate: 'cluster' }),
  )
  return { vars, remarks }
}

/** Rejects storage settings that only a cluster or cloud can honor. They are not replaced, because the data would end up elsewhere. */
function refuseClouds({ storage: { results } }: Vars): void {
  const { bucket_claim, role_arn } = results.kind === 's3' ? (results.s3 ?? {}) : {}
  if (!bucket_claim && role_arn === undefined) return
  const key = bucket_claim ? 'bucket_claim' : 'role_arn'
  throw new CoprError(
    'invalid',
    `Cannot run in containers: storage.results.s3.${key} needs a cluster\n    try: storage.results.s3.secret with --secrets FILE, or storage.results.kind: volume`,
  )
}

/** Returns the facts that rendering needs for podman; discover() does the same for a cluster. */
export function podmanFacts(
  place: Pick<Place, 'namespace'>,
  { public_url, images }: { public_url: string; images: Facts['images'] },
): Facts {
  const host = new URL(public_url).hostname
  return {
    flavour: 'podman',
    host,
    public_url: publicUrl({ public_url: withoutSlashes(public_url), host }),
    builders_url: buildersUrl(place),
    exposure: 'ingress',
    oauth: false,
    backend_tls: false,
    service_ca: false,
    monitoring: false,
    single_node: true,
    limits_demanded: { cpu: false, memory: false },
    priority_classes: false,
    images,
    secret_checksums: {},
  }
}
