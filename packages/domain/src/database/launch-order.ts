/** Parameters of the request that starts a machine. They are stored, as a retry is idempotent only with identical parameters. */
export interface LaunchOrder {
  readonly offering: {
    readonly name: string
    readonly group?: string
    readonly price_per_hour: number
    readonly memory_mb?: number
  }
  /** Boot configuration passed to the machine: everything that it needs to enroll. */
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
    /** Undefined in launch orders that version 0.2 stored. */
    readonly single_use?: boolean
    readonly dead_man: {
      readonly enroll_seconds: number
      readonly silence_seconds: number
      readonly lifetime_seconds: number
    }
  }
}
