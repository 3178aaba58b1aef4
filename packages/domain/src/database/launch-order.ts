/** Parameters of the request that starts a machine. They are stored because a retry is idempotent only if it sends identical parameters. */
export interface LaunchOrder {
  readonly offering: {
    readonly name: string
    readonly group?: string
    readonly price_per_hour: number
    readonly memory_mb?: number
  }
  /** Boot configuration that is passed to the machine. It contains everything that the machine needs to enroll. */
  readonly boot: {
    readonly enroll_token: string
    readonly gateway_url: string
    readonly trusted_ca?: string
    readonly name: string
    readonly arches: readonly string[]
    readonly tags: readonly string[]
    readonly agent: {
      readonly sha256: string
      readonly node_sha256: Readonly<Record<string, string>>
    }
    /** Undefined in launch orders that were stored by version 0.2. */
    readonly single_use?: boolean
    readonly dead_man: {
      readonly enroll_seconds: number
      readonly silence_seconds: number
      readonly lifetime_seconds: number
    }
  }
}
