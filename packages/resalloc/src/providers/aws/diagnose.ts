import { RunInstancesCommand } from '@aws-sdk/client-ec2'
import { CoprError } from '@copr/process/errors'
import type { Finding, StartFailure } from '../provider.ts'
import type { AwsAccount } from './aws-account.ts'
import { codeOf, startFailure } from './error-classes.ts'
import { bakedImages, findImage } from './image.ts'
import { launchRequest, pseudoOrder } from './launch-request.ts'
import type { AwsOffering, AwsPool } from './offerings.ts'
import type { PoolOwner } from './ownership-tags.ts'
import { vpcsOf } from './pool-facts.ts'

/**
 * Maximum number of dry-run launches. EC2 allows two launch requests per second, so 40 take almost 20 seconds; trying all types and zones
 * could take too long.
 */
const MOST_LAUNCHES = 40

interface DiagnosedPool {
  readonly pool: AwsPool
  readonly owner: PoolOwner
  readonly offerings: readonly AwsOffering[]
}

/** Checks everything that a pool needs, using EC2's dry runs. */
export async function diagnose(
  account: AwsAccount,
  { pool, owner, offerings }: DiagnosedPool,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const tell = async (subject: string, work: () => Promise<unknown>): Promise<void> => {
    let problem: string | undefined
    try {
      await work()
    } catch (error) {
      problem = helpedBy(error)
    }
    findings.push({ subject, problem })
  }
  await tell('credentials and listing', async () => {
    await account.list(owner.installation_id, signal)
  })
  // If listing fails, every other call would fail for the same reason.
  if (findings.some(({ problem }) => problem !== undefined)) return findings
  await tell('subnets', async () => await vpcsOf(account.api, pool.subnets, signal))
  await tell('image', async () => await findImage(account.api, { pool, owner }, signal))
  // Without subnets and an image, every launch would fail for the same reason.
  if (findings.some(({ problem }) => problem !== undefined)) return findings
  const image = await findImage(account.api, { pool, owner }, signal)
  for (const offering of offerings.slice(0, MOST_LAUNCHES)) {
    await tell(`launching ${offering.name}`, async () => {
      const request = launchRequest(pool, pseudoOrder(owner, offering, 'diagnosis'), offering, {
        image,
        security_groups: pool.security_groups ?? [],
        user_data: Buffer.alloc(0),
      })
      await dryRun(account, request, offering, signal)
    })
  }
  if (pool.baked)
    await tell('baked image', async () => {
      const [newest] = await bakedImages(account.api, { pool, owner }, signal)
      if (!newest)
        throw new Advised(
          `No baked image exists, so each machine takes minutes to install itself; create one: coprctl image bake ${owner.pool}`,
        )
    })
  return findings
}

async function dryRun(
  account: AwsAccount,
  request: ReturnType<typeof launchRequest>,
  offering: AwsOffering,
  signal: AbortSignal,
): Promise<void> {
  const command = new RunInstancesCommand({ ...request, DryRun: true })
  try {
    await account.api.once(
      'run',
      async (client, options) => await client.send(command, options),
      signal,
    )
  } catch (error) {
    // The launch is allowed; the dry run did not execute it.
    if (codeOf(error) === 'DryRunOperation') return
    const { failure, message } = startFailure(error, offering)
    throw new Advised(`${message}; ${HELP[failure]}`, { cause: error })
  }
}

/** An error whose message already contains the remedy. */
class Advised extends Error {
  override readonly name = 'Advised'
}

/** For each class of failure, how the administrator can fix it. */
const HELP: Readonly<Record<StartFailure, string>> = {
  permission:
    'give the manager valid credentials with the policy that "coprctl builders aws-policy" prints',
  configuration: 'correct the pool in pools.yaml',
  no_capacity: 'add other instance_types or subnets',
  quota: 'request an increase in the Service Quotas console',
  throttled: 'retry in a minute',
  token_spent: 'retry',
  unknown: 'retry; check that this host can reach EC2',
}

function helpedBy(error: unknown): string {
  if (error instanceof Advised) return error.message
  // The message of one of our own errors describes what is wrong with the pool.
  if (error instanceof CoprError) return `${error.message}; ${HELP.configuration}`
  const { failure, message } = startFailure(error, { instance_type: '', purchase: 'on_demand' })
  return `${message}; ${HELP[failure]}`
}
