/**
 * Where machines come from. A provider has three verbs, and each may be called again at any time: the manager is killed
 * between any two calls and starts over from what its tables say. Clouds that fit as well (libvirt, OpenStack, IBM, Hetzner,
 * GCP, Azure) need only these three.
 */
import type { PoolConfig, PoolConfigOf } from '@copr/contract/pools/provider-options'
import type { Logger } from '@copr/process/log'

/** Ends up on everything that a provider makes: as tags, labels or the like. */
export interface Ownership {
  /** Unique to this installation: resources with another id are never touched. */
  readonly installation_id: string
  readonly machine_id: number
  readonly pool: string
}

/** One way to get a machine: a type in a zone by a kind of purchase. Pools with one way have one offering. */
export interface Offering {
  /** Unique in the pool, stable: `c7i.xlarge/subnet-1/spot`. */
  readonly name: string
  /** Offerings with the same one share a quota: `spot`. Default: all of the pool. */
  readonly group?: string
  /** Estimate, for the order of offerings and for budgets. */
  readonly price_per_hour: number
  /** Bigger machines have a higher one: a task that ran out of memory asks for more. */
  readonly memory_mb?: number
}

export interface StartOrder extends Ownership {
  /** Cosmetic; unique. */
  readonly name: string
  readonly offering: Offering
  /**
   * Stored before the first call. The same token means the same machine: a repeated start with it gives the machine that
   * the first one made, also when the first answer was lost. Only after a definite failure comes another one.
   */
  readonly launch_token: string
  /** Stored with the token: nothing of this machine should live longer. Clouds that have tags show it. */
  readonly expires_at?: Date
  /** Smallest number that no other living machine of the pool has. */
  readonly id_in_pool: number
  /** For `named_counters`. */
  readonly counters: Readonly<Record<string, number>>
  /**
   * The data that the machine enrolls with: a one-use token, the gateway's address, the agent. Identical at every start with
   * this launch token: clouds compare the whole request, and a machine may already run with the first one's data.
   */
  readonly boot: BootConfig
}

/** The agent as the gateway serves it, below `/builder/agent/` by digest. */
export interface AgentRelease {
  readonly sha256: string
  /** Architecture → the Node to run it, for machines whose distribution has none that is new enough. */
  readonly node_sha256: Readonly<Record<string, string>>
}

export interface BootConfig {
  readonly enroll_token: string
  readonly gateway_url: string
  /** PEM: authorities of the gateway's certificate that the world does not know. */
  readonly trusted_ca?: string
  readonly name: string
  readonly arches: readonly string[]
  readonly tags: readonly string[]
  readonly agent: AgentRelease
  /** The agent powers its machine off after so many seconds: without enrolment, without contact, in any case. */
  readonly dead_man: {
    readonly enroll_seconds: number
    readonly silence_seconds: number
    readonly lifetime_seconds: number
  }
}

/**
 * - `no_capacity`: this offering not for some minutes; the next one now
 * - `quota`: as that, for all offerings of its group; an administrator has to ask for more
 * - `throttled`: all of this provider slower
 * - `permission`, `configuration`: the pool stops until its configuration changes, or `retry_seconds` have passed: rights and
 *   images may be set right in the cloud; the message is for the administrator
 * - `token_spent`: the launch token's machine has ended already, or was another; list, then use a new token
 * - `unknown`: it may have worked; again with the same token and the same offering
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

/** All that `stop` knows of a machine: it must work without the pool's configuration. */
export interface StopOrder extends Ownership {
  readonly name: string
  /** Null when the answer of `start` was lost: then by launch token or name. */
  readonly provider_id: string | null
  readonly launch_token: string
  readonly data: Record<string, unknown>
  readonly id_in_pool: number
  readonly counters: Readonly<Record<string, number>>
}

/** Something that carries this installation's id: a machine, or what belongs to one or to a pool (volume, key pair …). */
export interface Listed {
  /** `machine`, or what else the cloud has: `volume`, `key_pair` … */
  readonly kind: string
  readonly provider_id: string
  /** Undefined for what belongs to a pool and not to a machine: an orphan when the pool is no more and has no machines. */
  readonly machine_id: number | undefined
  readonly pool: string | undefined
  readonly launch_token?: string | undefined
  readonly created_at: Date | undefined
  /** When a resource that belongs to no machine becomes an orphan. */
  readonly expires_at?: Date | undefined
  /** `ended`: listed still, costs nothing more. */
  readonly state: 'starting' | 'running' | 'stopping' | 'ended'
  /** Why it ended or will: an interruption is nobody's fault, `no_capacity` is a failed start. */
  readonly cause?: 'interrupted' | 'no_capacity' | 'powered_off' | 'stopped' | 'failed' | undefined
  readonly message?: string | undefined
  /** Provider data that `stop` needs in addition to the id. */
  readonly data: Record<string, unknown>
}

/** The result of one check of a pool by `coprctl builders doctor`. */
export interface Finding {
  /** `launching spot instances` */
  readonly subject: string
  /** The problem and its remedy; undefined if the check passed. */
  readonly problem?: string | undefined
}

/** The machines of one pool. Every call ends within its deadline: `signal` aborts then. */
export interface Provider {
  /**
   * Where its machines are: `aws eu-central-1`. Pools with the same one give the same listing, so that one of them is asked
   * for all. A machine is proved absent only by a listing of the account that it was started in. Default: the pool's own.
   */
  readonly account?: string
  /** A machine may be missing in listings for so long after its start: clouds are eventually consistent. Default: 0. */
  readonly settle_seconds?: number
  /** How long `start` may take. Default: a minute. */
  readonly start_seconds?: number
  /** It cannot list: an end that it was asked for and that did not fail is taken for proof, and nothing is swept. */
  readonly is_blind?: boolean
  /** In the order of preference where prices are equal. */
  offerings(): readonly Offering[]
  /** Does not throw for what the cloud says or fails to say: aborted, or without an answer, it is `unknown`. */
  start(order: StartOrder, signal: AbortSignal): Promise<StartOutcome>
  /** Asks for the end; done when a listing proves it. What does not exist is ended. Throws when it cannot be asked for. */
  stop(order: StopOrder, signal: AbortSignal): Promise<void>
  /**
   * All that this pool's account holds of this installation, in pages, as it is after the call and not before it. Throws
   * rather than giving a part of it for the whole.
   */
  list(signal: AbortSignal): AsyncIterable<Listed>
  /** Removes a listed thing that no machine of the tables owns. What is gone already is removed. */
  remove(listed: Listed, signal: AbortSignal): Promise<void>
  /** False: not well. Machines with an agent send heartbeats, so that most providers have no such check. */
  check?(order: StopOrder, signal: AbortSignal): Promise<boolean>
  /** Whether credentials, permissions and configuration are right, without making anything. */
  diagnose?(signal: AbortSignal): Promise<Finding[]>
  /** Between two tasks; throws when the machine could not be cleaned: then it is removed. */
  clean?(order: StopOrder, signal: AbortSignal): Promise<void>
}

export interface ProviderContext {
  readonly pool: string
  readonly installation_id: string
  readonly log: Logger
  readonly now: () => Date
}

/** Each kind of provider is one such function, in a folder of its own. It does nothing yet that needs the cloud. */
export type MakeProvider<Kind extends PoolConfig['provider']> = (
  config: PoolConfigOf<Kind>,
  context: ProviderContext,
) => Provider
