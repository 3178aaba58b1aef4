/** Whether an error means that an object does not exist, or that another process has just removed or replaced it. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (['NoSuchKey', 'NotFound', 'PreconditionFailed'].includes(error.name)) return true
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  // A missing bucket is a configuration error, not a missing object.
  return error.name !== 'NoSuchBucket' && (status === 404 || status === 412)
}
