/** There is no such object: it was never there, or another process has just removed or replaced it. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (['NoSuchKey', 'NotFound', 'PreconditionFailed'].includes(error.name)) return true
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  // A bucket that is not there is a fault of the configuration.
  return error.name !== 'NoSuchBucket' && (status === 404 || status === 412)
}
