import { Quantity } from '@copr/contract/deployment/quantity'
import { z } from 'zod'

/** Everything that objects depend on besides what the administrator said, as a file may say it. */
export const FactsFile = z.strictObject({
  flavour: z.enum(['openshift', 'microshift', 'kubernetes', 'podman']),
  /** How users reach the site where that is not `https://HOST`. */
  public_url: z.string().optional(),
  /** How builders reach it where they cannot do it as users do. */
  builders_url: z.string().optional(),
  /** Where the site is: `copr.apps.example.org`. */
  host: z.string(),
  /** The same without the cluster's domain, when the cluster gives the host. */
  subdomain: z.string().optional(),
  exposure: z.enum(['route', 'gateway', 'ingress']),
  gateway: z.strictObject({ name: z.string(), namespace: z.string() }).optional(),
  /** Can a Gateway speak TLS to what is behind it? */
  backend_tls: z.boolean(),
  /** Has OpenShift an OAuth server of its own, where its users log in? */
  oauth: z.boolean().default(false),
  /** Does the cluster make certificates for Services? */
  service_ca: z.boolean(),
  /** Authority of the cluster's public certificates, where the world does not know it. */
  ingress_ca: z.string().optional(),
  monitoring: z.boolean(),
  single_node: z.boolean(),
  /** Containers need these: a quota admits none without, or a range would give them too little. */
  limits_demanded: z.strictObject({ cpu: z.boolean(), memory: z.boolean() }),
  /** The smallest default and the smallest maximum of a container's CPU limit that LimitRanges of the namespace set. */
  cpu_range: z.strictObject({ default: Quantity.optional(), max: Quantity.optional() }).optional(),
  /** May priority classes be made, which belong to the whole cluster? */
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
  /** The administrator's link, by the hash of its secret. */
  administrator_link?: { sha256: string; expires: string } | undefined
  /** Checksums of the Secrets that components read, by name; a changed Secret rolls out new pods. */
  secret_checksums: Record<string, string>
}
