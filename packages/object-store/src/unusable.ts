import type { S3Client } from '@aws-sdk/client-s3'
import { messageOf } from '@copr/process/errors'

export async function endpointOf({ config }: S3Client): Promise<string> {
  const endpoint = await config.endpoint?.()
  return endpoint
    ? `${endpoint.protocol}//${endpoint.hostname}${endpoint.port ? `:${endpoint.port}` : ''}`
    : 'AWS'
}

/** Makes an error from the failure of a request. Its message contains the reason why the bucket cannot be used, and how to fix that. */
export function unusable(
  error: unknown,
  { bucket, endpoint }: { bucket: string; endpoint: string },
): Error {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  const why = reasonOf(status, error)
  return new Error(`Cannot use the bucket ${bucket} at ${endpoint}: ${why}`, { cause: error })
}

function reasonOf(status: number | undefined, error: unknown): string {
  switch (status) {
    case 404:
      return 'it does not exist; create it, or correct results.s3.bucket'
    case 403:
      return 'access denied; correct the keys or the role, and their permissions'
    case 301:
    case 400:
      return `the server rejects the request (${status}); correct results.s3.region or results.s3.path_style`
    default: {
      // If several addresses were tried, each has its own error; the first one is reported.
      const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : []
      return `${messageOf(first ?? error)}; correct results.s3.endpoint, or start the server`
    }
  }
}
