/**
 * Providers create and delete machines. All calls are idempotent: the manager may be killed between any two calls, and then continues from
 * its database tables. Other clouds (libvirt, OpenStack, IBM, Hetzner, GCP, Azure) would need no additional calls.
 */
import type { PoolConfig, PoolConfigOf } from '@copr/contract/pools/provider-options'
import type { Logger } from '@copr/process/log'

/** Marks everything that a provider creates, in the form of tags, labels or the like. */
export interface Ownership {
  /** Unique to this installation: resources with another id are never touched. */
  readonly installation_id: string
  readonly machine_id: number
  readonly pool: string
}

/** One way to get a machine, such as an instance type in a zone with a purchase option. A pool with only one way has a single offering. */
export interface Offering {
  /** Unique within the pool and stable, for example `c7i.xlarge/subnet-1/spot`. */
  readonly name: string
  /** Offerings with the same group, for example `spot`, share a quota. Default: all offerings of the pool. */
  readonly group?: string
  /** Estimate, used to sort offerings and to apply budgets. */
  readonly price_per_hour: number
  /** Memory of the machine in MiB. If a task runs out of memory, this value is used to find a machine with more memory for the retry. */
  readonly memory_mb?: number
}

export interface StartOrder extends Ownership {
  /** Unique name of the machine, used only for display. */
  readonly name: string
  readonly offering: Offering
  /**
   * Stored before the first call. It identifies one machine: a retried start with the same token returns the machine that the first start
   * made, even if the response to the first was lost. A new token is used only after a definite failure.
   */
  readonly launch_token: string
  /** Time after which the machine should no longer exist. Stored with the token; shown in clouds that have tags. */
  readonly expires_at?: Date
  /** The smallest number that no other living machine of the pool has. */
  readonly id_in_pool: number
  /** Values of the pool's `named_counters`. */
  readonly counters: Readonly<Record<string, number>>
  /**
   * The data that the machine needs to enroll: a single-use token, the gateway's address, the agent. It is identical in every start with
   * this launch token: clouds compare the whole request, and a machine may already be running with the data of the first start.
   */
  readonly boot: BootConfig
}

/** The agent that the gateway serves under `/builder/agent/`, by digest. */
export interface AgentRelease {
  readonly sha256: string
  /** Architecture → digest of a Node.js that runs the agent, for machines whose distribution has no version that is new enough. */
  readonly node_sha256: Readonly<Record<string, string>>
}

export interface BootConfig {
  readonly enroll_token: string
  readonly gateway_url: string
  /** PEM certificates of the private CA that issued the gateway's certificate. */
  readonly trusted_ca?: string
  readonly name: string
  readonly arches: readonly string[]
  readonly tags: readonly string[]
  readonly agent: AgentRelease
  /** Whether the machine is removed after its first task, whatever the outcome; undefined in orders stored by version 0.2. */
  readonly single_use?: boolean
  /**
   * Limits after which the agent powers its machine off, in seconds: for enrolling, for being without contact, and for the machine's whole
   * lifetime.
   */
  readonly dead_man: {
    readonly enroll_seconds: number
    readonly silence_seconds: number
    readonly lifetime_seconds: number
  }
}

/**
 * - `no_capacity`: skip this offering for some minutes, and try the next one now
 * - `quota`: like `no_capacity`, but for all offerings of the group; an administrator has to request a higher quota
 * - `throttled`: slow down all calls to this provider
 * - `permission`, `configuration`: stop the pool until its configuration changes or `retry_seconds` have passed, because permissions and
 *   images can also be corrected in the cloud; the message is for the administrator
 * - `token_spent`: the launch token's machine has already ended, or a different request started it; list the machines, then use a new token
 * - `unknown`: the start may have succeeded; retry with the same token and the same offering
 */
export type StartFailure =
  | 'no_capacity'
  | 'quota'
  | 'throttled'
  | 'permission'
  | 'configuration'
  | 'token_spent'
  | 'unknown'

export type StartOutcome =
  | { ok: true; provider_id: string; data: Record<string, unknown> }
  | { ok: false; failure: StartFailure; message: string; retry_seconds?: number }

/** Everything that `stop` knows about a machine: it must work without the pool's configuration, which may be gone. */
export interface StopOrder extends Ownership {
  readonly name: string
  /** Null if the response to `start` was lost: then `stop` finds the machine by launch token or name. */
  readonly provider_id: string | null
  readonly launch_token: string
  readonly data: Record<string, unknown>
  readonly id_in_pool: number
  readonly counters: Readonly<Record<string, number>>
}

/** A resource with this installation's id: a machine, or something that belongs to a machine or to a pool (volume, key pair …). */
export interface Listed {
  /** `machine`, or another kind of resource in the cloud, such as `volume` or `key_pair`. */
  readonly kind: string
  readonly provider_id: string
  /**
   * Undefined for a resource that belongs to a pool and not to a machine. Such a resource is an orphan once the pool no longer exists and
   * has no machines.
   */
  readonly machine_id: number | undefined
  readonly pool: string | undefined
  readonly launch_token?: string | undefined
  readonly created_at: Date | undefined
  /** Time at which a resource that belongs to no machine becomes an orphan. */
  readonly expires_at?: Date | undefined
  /** `ended` means that the resource is still listed but costs nothing more. */
  readonly state: 'starting' | 'running' | 'stopping' | 'ended'
  /** Why it ended or will end. `interrupted` does not count as a failure; `no_capacity` means that the start failed. */
  readonly cause?: 'interrupted' | 'no_capacity' | 'powered_off' | 'stopped' | 'failed' | undefined
  readonly message?: string | undefined
  /** Provider data that `stop` needs in addition to the id. */
  readonly data: Record<string, unknown>
}

/** The result of one check of a pool by `coprctl builders doctor`. */
export interface Finding {
  /** For example `launching spot instances`. */
  readonly subject: string
  /** The problem and its remedy; undefined if the check passed. */
  readonly problem?: string | undefined
}

/** Manages the machines of one pool. Every call has a deadline, at which `signal` aborts. */
export interface Provider {
  /**
   * The account of the pool's machines, for example `aws eu-central-1`. Pools with the same account would get the same listing, so it is
   * listed only once for all of them. Only a listing of the account in which a machine was started proves that the machine is gone.
   * Default: an account that is the pool's own.
   */
  readonly account?: string
  /** Seconds after a machine's start during which listings may omit it, because clouds are eventually consistent. Default: 0. */
  readonly settle_seconds?: number
  /** Maximum seconds that `start` may take. Default: 60. */
  readonly start_seconds?: number
  /**
   * Whether the provider cannot list machines. Then a `stop` that does not fail counts as proof that the machine is gone, and nothing is
   * swept.
   */
  readonly is_blind?: boolean
  /** Returns the offerings; among those with equal prices, the preferred one comes first. */
  offerings(): readonly Offering[]
  /** Starts a machine. Cloud errors are returned, not thrown; the outcome is `unknown` if the call is aborted or gets no response. */
  start(order: StartOrder, signal: AbortSignal): Promise<StartOutcome>
  /**
   * Requests the termination of a machine; only its absence from a listing proves that the machine is gone. Succeeds if the machine does
   * not exist; throws if the request fails.
   */
  stop(order: StopOrder, signal: AbortSignal): Promise<void>
  /**
   * Lists all resources of this installation in this pool's account, in pages. The data is never older than the call. Throws instead of
   * returning an incomplete list.
   */
  list(signal: AbortSignal): AsyncIterable<Listed>
  /** Removes a listed resource that no machine in the tables owns. Succeeds if the resource does not exist. */
  remove(listed: Listed, signal: AbortSignal): Promise<void>
  /** Returns whether a machine is healthy. Most providers do not have this check, because the agents on their machines send heartbeats. */
  check?(order: StopOrder, signal: AbortSignal): Promise<boolean>
  /** Checks credentials, permissions and configuration without creating anything. */
  diagnose?(signal: AbortSignal): Promise<Finding[]>
  /** Cleans a machine between two tasks. If it throws, the machine is removed. */
  clean?(order: StopOrder, signal: AbortSignal): Promise<void>
}

export interface ProviderContext {
  readonly pool: string
  readonly installation_id: string
  readonly log: Logger
  readonly now: () => Date
}

/** Makes a provider without contacting the cloud. Each kind of provider has one such function, in its own folder. */
export type MakeProvider<Kind extends PoolConfig['provider']> = (
  config: PoolConfigOf<Kind>,
  context: ProviderContext,
) => Provider
