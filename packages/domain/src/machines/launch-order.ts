/** What a machine's start was first asked with. It is stored, as a start that is repeated must say the very same. */
export interface LaunchOrder {
  readonly offering: {
    readonly name: string
    readonly price_per_hour: number
    readonly memory_mb?: number
    readonly group?: string
  }
  readonly enroll_token: string
  readonly gateway_url: string
  readonly dead_man: {
    readonly enroll_seconds: number
    readonly silence_seconds: number
    readonly lifetime_seconds: number
  }
}
