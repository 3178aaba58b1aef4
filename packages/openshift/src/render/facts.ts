import { Quantity } from '@copr/contract/deployment/quantity'
import { z } from 'zod'

/** Everything besides the administrator's vars on which the rendered objects depend, in the form in which it is stored. */
export const FactsFile = z.strictObject({
  flavour: z.enum(['openshift', 'microshift', 'kubernetes', 'podman']),
  /** The URL for users; unset if it is `https://HOST`. */
  public_url: z.string().optional(),
  /** The URL for builders; unset if they can use the URL for users. */
  builders_url: z.string().optional(),
  /** The public host: `copr.apps.example.org`. */
  host: z.string(),
  /** The host without the cluster's domain, when the cluster assigns the host. */
  subdomain: z.string().optional(),
  exposure: z.enum(['route', 'gateway', 'ingress']),
  gateway: z.strictObject({ name: z.string(), namespace: z.string() }).optional(),
  /** Whether a Gateway can use TLS to its backends. */
  backend_tls: z.boolean(),
  /** Whether the OpenShift cluster has its own OAuth server, where its users log in. */
  oauth: z.boolean().default(false),
  /** Whether the cluster issues certificates for Services. */
  service_ca: z.boolean(),
  /** The CA of the cluster's public certificates, in PEM; unset if it is a public CA. */
  ingress_ca: z.string().optional(),
  monitoring: z.boolean(),
  single_node: z.boolean(),
  /**
   * Whether containers must set these limits themselves, because a quota refuses containers without them, or because a LimitRange would set
   * a CPU limit that is too low.
   */
  limits_demanded: z.strictObject({ cpu: z.boolean(), memory: z.boolean() }),
  /** For the CPU limit of a container: the smallest default and the smallest maximum that LimitRanges of the namespace set. */
  cpu_range: z.strictObject({ default: Quantity.optional(), max: Quantity.optional() }).optional(),
  /** Whether this user may create priority classes, which are cluster-scoped. */
  priority_classes: z.boolean(),
})
export type FactsFile = z.infer<typeof FactsFile>
export type Flavour = FactsFile['flavour']

export function isOpenShift({ flavour }: Pick<FactsFile, 'flavour'>): boolean {
  return flavour === 'openshift' || flavour === 'microshift'
}

export function publicUrl({ public_url, host }: Pick<FactsFile, 'public_url' | 'host'>): string {
  return public_url ?? `https://${host}`
}

export interface Facts extends FactsFile {
  images: { server: string; postgresql: string }
  /** The hash of the secret in the administrator's link. */
  administrator_link?: { sha256: string; expires: string } | undefined
  /** Checksums of the Secrets that components read, by name; a changed Secret rolls out new pods. */
  secret_checksums: Record<string, string>
}
