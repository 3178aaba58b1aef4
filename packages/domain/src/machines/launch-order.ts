/** What a machine's start was first asked with. It is stored, as a start that is repeated must say the very same. */
export interface LaunchOrder {
  readonly offering: {
    readonly name: string
    readonly group?: string
    readonly price_per_hour: number
    readonly memory_mb?: number
  }
  /** What the machine is told: all that it needs to call home. */
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
    readonly dead_man: {
      readonly enroll_seconds: number
      readonly silence_seconds: number
      readonly lifetime_seconds: number
    }
  }
}
