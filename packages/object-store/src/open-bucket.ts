import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { S3Config } from '@copr/contract/configuration/s3-config'
import { type Bucket, bucketOf } from './bucket.ts'

/**
 * Timeouts and the number of attempts, so that an unresponsive server cannot block a build forever. The SDK retries first; if it gives up,
 * the caller retries.
 */
const CONNECT_MS = 5_000
const SILENT_MS = 60_000
const ATTEMPTS = 5
const SOCKETS = 200

/** Opens the configured bucket, without sending a request to the server yet. */
export function openBucket(config: S3Config): Bucket {
  const place = placeOf(config)
  const common: S3ClientConfig = {
    region: place.region,
    forcePathStyle: config.path_style ?? place.endpoint !== undefined,
    ...(place.credentials ? { credentials: place.credentials } : {}),
    maxAttempts: ATTEMPTS,
    // Servers other than AWS may not support the SDK's new checksums; signatures and ETags detect damage in transit.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: SILENT_MS,
      httpsAgent: { maxSockets: SOCKETS },
      httpAgent: { maxSockets: SOCKETS },
    },
  }
  const clientFor = (endpoint: string | undefined): S3Client =>
    new S3Client({ ...common, ...(endpoint === undefined ? {} : { endpoint }) })
  const { public_endpoint } = config
  return bucketOf({
    client: clientFor(place.endpoint),
    signer: public_endpoint === undefined ? undefined : clientFor(public_endpoint),
    bucket: place.bucket,
    prefix: config.prefix,
  })
}

interface Place {
  endpoint: string | undefined
  region: string
  bucket: string
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined
}

/** Reads the bucket and its credentials from the configuration, or from the bucket claim that the configuration refers to. */
export function placeOf(config: S3Config): Place {
  if (config.claim_dir !== undefined) return claimedPlace(config.claim_dir, config)
  const { endpoint, region, bucket, access_key_id, secret_access_key } = config
  return {
    endpoint,
    region,
    bucket: bucket ?? '',
    // Without keys the SDK looks for a role of the pod or of the machine.
    credentials:
      access_key_id !== undefined && secret_access_key !== undefined
        ? { accessKeyId: access_key_id, secretAccessKey: secret_access_key }
        : undefined,
  }
}

/** Reads an ObjectBucketClaim: its ConfigMap and Secret are mounted at `dir`, with one file per key. */
function claimedPlace(dir: string, config: S3Config): Place {
  const said = (name: string): string | undefined => {
    try {
      return readFileSync(join(dir, name), 'utf8').trim() || undefined
    } catch {
      return undefined
    }
  }
  const needed = (name: string): string => {
    const value = said(name)
    if (value === undefined)
      throw new Error(`Cannot use the bucket claim in ${dir}: the file ${name} is missing`)
    return value
  }
  const port = said('BUCKET_PORT') ?? '443'
  // Ports without TLS: Ceph and NooBaa use 80, and MinIO uses 9000. All other ports are assumed to use HTTPS.
  const scheme = ['80', '8080', '9000'].includes(port) ? 'http' : 'https'
  return {
    endpoint: config.endpoint ?? `${scheme}://${needed('BUCKET_HOST')}:${port}`,
    region: said('BUCKET_REGION') ?? config.region,
    bucket: needed('BUCKET_NAME'),
    credentials: {
      accessKeyId: needed('AWS_ACCESS_KEY_ID'),
      secretAccessKey: needed('AWS_SECRET_ACCESS_KEY'),
    },
  }
}
