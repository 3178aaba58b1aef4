export const STATUS_OF = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  over_quota: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  too_many: 429,
  bad_gateway: 502,
  unavailable: 503,
} as const

/** The message that users see for a bug or an outage; the details are only logged. */
export const INTERNAL_ERROR =
  'Internal error: administrators can find the details in the server log'

/** An error that the caller caused or must know about. Any other error is a bug or an outage. */
export class CoprError extends Error {
  override readonly name = 'CoprError'
  readonly kind: keyof typeof STATUS_OF
  /** Seconds after which a retry may succeed. */
  readonly retry_after: number | undefined

  constructor(
    kind: keyof typeof STATUS_OF,
    message: string,
    options?: ErrorOptions & { retry_after?: number },
  ) {
    super(message, options)
    this.kind = kind
    this.retry_after = options?.retry_after
  }
}

/** Returns the message of any thrown value with its causes, for one-line logs and for pages. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : messageOf(error.cause)
  return cause === '' || error.message.includes(cause)
    ? error.message
    : `${error.message}: ${cause}`
}
