import { amountOf } from '@copr/contract/deployment/quantity'
import type { Vars } from '@copr/contract/deployment/vars'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { meta, type RenderContext } from './render-context.ts'

/** The components that read and write the bucket. */
export const BUCKET_USERS: ReadonlySet<string> = new Set(['frontend', 'backend'])
/** The name of the bucket claim, and of the ConfigMap and Secret that its operator creates. */
const CLAIM = 'results'
const CLAIM_DIR = '/etc/copr-bucket'
const TOKEN_DIR = '/var/run/secrets/aws'
/** The share of the scratch disk for packages; the rest is for repodata that is being written. */
const SCRATCH_SHARE = 0.75

type Results = Vars['storage']['results']

export function isInS3({ storage: { results } }: Pick<Vars, 'storage'>): boolean {
  return results.kind === 's3'
}

function s3Of({ storage: { results } }: Pick<Vars, 'storage'>): Results['s3'] {
  return results.kind === 's3' ? results.s3 : undefined
}

/** Returns the first inconsistency of the settings as a sentence; undefined if there is none. */
export function faultOfS3({ kind, s3 }: Results): string | undefined {
  if (kind !== 's3')
    return s3 && 'storage.results.s3 is set, but storage.results.kind is not s3; set it to s3'
  if (!s3) return 'storage.results.kind is s3, but storage.results.s3 does not specify the bucket'
  const { bucket, bucket_claim, secret, role_arn } = s3
  if ((bucket === undefined) === (bucket_claim === undefined))
    return 'storage.results.s3 needs either bucket or bucket_claim'
  if (bucket_claim && (secret ?? role_arn) !== undefined)
    return 'storage.results.s3.bucket_claim provides keys; remove secret and role_arn'
  if (bucket !== undefined && (secret === undefined) === (role_arn === undefined))
    return 'storage.results.s3.bucket needs either secret or role_arn'
  return undefined
}

/** Returns the name of the Secret with the access keys. Pods that read it are restarted when it changes. */
export function secretOfS3(vars: Pick<Vars, 'storage'>): string | undefined {
  const s3 = s3Of(vars)
  return s3?.bucket_claim ? CLAIM : s3?.secret
}

export function bucketClaim(context: RenderContext): KubeObject[] {
  const claim = s3Of(context.vars)?.bucket_claim
  if (!claim) return []
  return [
    {
      apiVersion: 'objectbucket.io/v1alpha1',
      kind: 'ObjectBucketClaim',
      metadata: meta(context, CLAIM),
      spec: {
        generateBucketName: `${context.namespace}-results`,
        storageClassName: claim.storage_class,
      },
    },
  ]
}

/** The section `results` of the components' configuration; empty if results are in a volume. */
export function resultsConfig({ vars }: RenderContext, files: (path: string) => object): object {
  const s3 = s3Of(vars)
  if (!s3) return {}
  const { bucket, bucket_claim, endpoint, region, prefix, secret, public_endpoint } = s3
  return {
    results: {
      s3: {
        ...(bucket_claim ? { claim_dir: CLAIM_DIR } : { bucket }),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(region === undefined ? {} : { region }),
        ...(prefix === undefined ? {} : { prefix }),
        ...(public_endpoint === undefined ? {} : { public_endpoint }),
        ...(secret === undefined
          ? {}
          : {
              access_key_id: files('bucket/access_key_id'),
              secret_access_key: files('bucket/secret_access_key'),
            }),
        scratch_bytes: Math.floor(amountOf(s3.scratch) * SCRATCH_SHARE),
      },
    },
  }
}

/** Returns the files with the access keys and the server's CA certificate, which are mounted next to the configuration. */
export function bucketSources({ vars }: RenderContext): object[] {
  const { secret, ca } = s3Of(vars) ?? {}
  const items = ['access_key_id', 'secret_access_key'].map((key) => ({
    key,
    path: `bucket/${key}`,
  }))
  return [
    ...(secret === undefined ? [] : [{ secret: { name: secret, items } }]),
    ...(ca
      ? [{ secret: { name: ca.secret, items: [{ key: ca.key, path: 'bucket-ca/ca.crt' }] } }]
      : []),
  ]
}

export function hasBucketCa({ vars }: RenderContext): boolean {
  return s3Of(vars)?.ca !== undefined
}

/** Returns what frontend and backend need for S3: a scratch disk in place of a volume, and the credentials of a claim or role. */
export function bucketAccess(
  { vars }: RenderContext,
  program: string,
  data_dir: string,
): { env: object[]; mounts: object[]; volumes: object[] } {
  const s3 = s3Of(vars)
  if (!s3) return { env: [], mounts: [], volumes: [] }
  const { role_arn, bucket_claim, scratch } = s3
  const disk = `scratch-${program}`
  // The frontend's disk needs no limit, because user uploads have limits of their own.
  const emptyDir = program === 'backend' ? { sizeLimit: scratch } : {}
  const token = { audience: 'sts.amazonaws.com', expirationSeconds: 3600, path: 'token' }
  return {
    env: role_arn
      ? [
          { name: 'AWS_ROLE_ARN', value: role_arn },
          { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: `${TOKEN_DIR}/token` },
        ]
      : [],
    mounts: [
      { name: disk, mountPath: data_dir },
      ...(bucket_claim ? [{ name: 'bucket', mountPath: CLAIM_DIR, readOnly: true }] : []),
      ...(role_arn ? [{ name: 'aws-token', mountPath: TOKEN_DIR, readOnly: true }] : []),
    ],
    volumes: [
      { name: disk, emptyDir },
      ...(bucket_claim
        ? [
            {
              name: 'bucket',
              projected: {
                defaultMode: 0o440,
                sources: [{ configMap: { name: CLAIM } }, { secret: { name: CLAIM } }],
              },
            },
          ]
        : []),
      ...(role_arn
        ? [{ name: 'aws-token', projected: { sources: [{ serviceAccountToken: token }] } }]
        : []),
    ],
  }
}

/**
 * Allows connections to the S3 server and, for a role, to AWS. If the server is in the cluster, all its ports are allowed, because network
 * policies match the ports of pods, which are unknown here.
 */
export function bucketEgress({ vars }: RenderContext): object[] {
  const s3 = s3Of(vars)
  if (!s3) return []
  const { bucket_claim, role_arn } = s3
  const endpoint = new URL(s3.endpoint ?? 'https://s3.amazonaws.com')
  const namespace =
    bucket_claim?.namespace ?? /^[^.]+\.([^.]+)\.svc(\.|$)/.exec(endpoint.hostname)?.[1]
  const port = Number(endpoint.port || (endpoint.protocol === 'http:' ? 80 : 443))
  const outside = namespace === undefined ? [port] : []
  const ports = [...new Set([...outside, ...(role_arn ? [443] : [])])]
  return [
    ...(namespace === undefined
      ? []
      : [
          {
            to: [
              { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } },
            ],
          },
        ]),
    ...(ports.length === 0
      ? []
      : [{ ports: ports.map((each) => ({ protocol: 'TCP', port: each })) }]),
  ]
}
