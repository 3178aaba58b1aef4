import { messageOf } from '@copr/process/errors'
import type { StartFailure, StartOutcome } from '../provider.ts'
import type { AwsOffering } from './offerings.ts'

interface ErrorClass {
  readonly failure: StartFailure
  readonly retry_seconds?: number
}

const NO_CAPACITY: ErrorClass = { failure: 'no_capacity', retry_seconds: 180 }
/** The zone does not offer the instance type. This rarely changes, so it is retried only once an hour. */
const NOT_OFFERED: ErrorClass = { failure: 'no_capacity', retry_seconds: 3600 }
const QUOTA: ErrorClass = { failure: 'quota', retry_seconds: 300 }
const THROTTLED: ErrorClass = { failure: 'throttled', retry_seconds: 5 }
/**
 * Retried after this time even if the configuration stays the same, because administrators can correct permissions and renew credentials
 * without changing it.
 */
const PERMISSION: ErrorClass = { failure: 'permission', retry_seconds: 600 }
const CONFIGURATION: ErrorClass = { failure: 'configuration', retry_seconds: 1800 }
const SPENT: ErrorClass = { failure: 'token_spent' }
const UNKNOWN: ErrorClass = { failure: 'unknown' }

/** EC2's error code for a failed launch → its class. Other codes are classified by HTTP status. */
const CLASS_OF: Readonly<Record<string, ErrorClass>> = {
  InsufficientInstanceCapacity: NO_CAPACITY,
  InsufficientHostCapacity: NO_CAPACITY,
  InsufficientCapacity: NO_CAPACITY,
  InsufficientReservedInstanceCapacity: NO_CAPACITY,
  UnfulfillableCapacity: NO_CAPACITY,
  ReservationCapacityExceeded: NO_CAPACITY,
  SpotMaxPriceTooLow: NO_CAPACITY,
  InsufficientFreeAddressesInSubnet: NO_CAPACITY,
  Unsupported: NOT_OFFERED,
  UnsupportedOperation: NOT_OFFERED,
  VcpuLimitExceeded: QUOTA,
  InstanceLimitExceeded: QUOTA,
  MaxSpotInstanceCountExceeded: QUOTA,
  MaxFleetCountExceeded: QUOTA,
  VolumeLimitExceeded: QUOTA,
  AddressLimitExceeded: QUOTA,
  NetworkInterfaceLimitExceeded: QUOTA,
  SecurityGroupLimitExceeded: QUOTA,
  RequestLimitExceeded: THROTTLED,
  RequestThrottled: THROTTLED,
  Throttling: THROTTLED,
  ThrottlingException: THROTTLED,
  EC2ThrottledException: THROTTLED,
  UnauthorizedOperation: PERMISSION,
  AccessDenied: PERMISSION,
  AccessDeniedException: PERMISSION,
  AuthFailure: PERMISSION,
  'AuthFailure.ServiceLinkedRoleCreationNotPermitted': PERMISSION,
  OptInRequired: PERMISSION,
  PendingVerification: PERMISSION,
  Blocked: PERMISSION,
  ExpiredToken: PERMISSION,
  InvalidClientTokenId: PERMISSION,
  SignatureDoesNotMatch: PERMISSION,
  CredentialsProviderError: PERMISSION,
  IdempotentParameterMismatch: SPENT,
  IdempotentInstanceTerminated: SPENT,
  RequestExpired: UNKNOWN,
  InternalError: UNKNOWN,
  InternalFailure: UNKNOWN,
  ServiceUnavailable: UNKNOWN,
  Unavailable: UNKNOWN,
}

export function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

function statusOf(error: unknown): number | undefined {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata
  return metadata?.httpStatusCode
}

function classOf(error: unknown): ErrorClass {
  const known = CLASS_OF[codeOf(error)]
  if (known) return known
  const status = statusOf(error)
  // A status of 4xx means that EC2 refused the launch and created nothing. After any other failure, the launch may still have succeeded.
  return status !== undefined && status >= 400 && status < 500 ? CONFIGURATION : UNKNOWN
}

export function isThrottled(error: unknown): boolean {
  return classOf(error) === THROTTLED
}

/** Reports whether the error is transient, so that a retry of the same request may succeed. */
export function isPassing(error: unknown): boolean {
  const { failure } = classOf(error)
  return failure === 'throttled' || (failure === 'unknown' && codeOf(error) !== 'AbortError')
}

export function isMissing(error: unknown): boolean {
  return /\.(NotFound|Unknown)$/.test(codeOf(error))
}

/** Classifies a failed launch for the manager. */
export function startFailure(
  error: unknown,
  offering: Pick<AwsOffering, 'instance_type' | 'purchase'>,
): Extract<StartOutcome, { ok: false }> {
  const found = classOf(error)
  const code = codeOf(error)
  // The message of UnauthorizedOperation includes an encoded text of several thousand characters.
  const words = messageOf(error).replace(/\s*Encoded authorization failure message: \S+/, '')
  const quota = found === QUOTA ? ` (${quotaName(code, offering)})` : ''
  return { ok: false, ...found, message: `${code === '' ? '' : `${code}: `}${words}${quota}` }
}

/** Returns the quota's name in the Service Quotas console, so that an administrator knows which increase to request. */
function quotaName(
  code: string,
  { instance_type, purchase }: Pick<AwsOffering, 'instance_type' | 'purchase'>,
): string {
  if (code === 'VolumeLimitExceeded') return 'EBS quota: Storage for gp3 volumes'
  if (code === 'AddressLimitExceeded') return 'EC2 quota: EC2-VPC Elastic IPs'
  if (code === 'NetworkInterfaceLimitExceeded') return 'VPC quota: Network interfaces per Region'
  if (code === 'SecurityGroupLimitExceeded') return 'VPC quota: VPC security groups per Region'
  const family = /^[a-z]+/.exec(instance_type)?.[0] ?? ''
  const STANDARD = 'Standard (A, C, D, H, I, M, R, T, Z)'
  const of =
    'acdhimrtz'.includes(family[0] ?? '?') && family.length <= 2 ? STANDARD : family.toUpperCase()
  return purchase === 'spot'
    ? `EC2 quota: All ${of} Spot Instance Requests`
    : `EC2 quota: Running On-Demand ${of} instances`
}
