import { RunInstancesCommand } from '@aws-sdk/client-ec2'
import { CoprError } from '@copr/process/errors'
import type { Finding, StartFailure, StartOrder } from '../provider.ts'
import type { AwsAccount } from './aws-account.ts'
import { codeOf, startFailure } from './error-classes.ts'
import { findImage } from './image.ts'
import { launchRequest } from './launch-request.ts'
import type { AwsOffering, AwsPool } from './offerings.ts'
import type { PoolOwner } from './ownership-tags.ts'
import { vpcsOf } from './pool-facts.ts'

/** A pool with many types and zones takes its time: EC2 lets two launches a second be asked for. */
const MOST_LAUNCHES = 40

interface DiagnosedPool {
  readonly pool: AwsPool
  readonly owner: PoolOwner
  readonly offerings: readonly AwsOffering[]
}

/** Asks for all that a pool needs, in EC2's way of asking without doing. */
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
  // Whoever may not even list is told the same by every other call.
  if (findings.some(({ problem }) => problem !== undefined)) return findings
  await tell('subnets', async () => await vpcsOf(account.api, pool.subnets, signal))
  await tell('image', async () => await findImage(account.api, pool, signal))
  // A launch that cannot work for another reason would only repeat it.
  if (findings.some(({ problem }) => problem !== undefined)) return findings
  const image = await findImage(account.api, pool, signal)
  for (const offering of offerings.slice(0, MOST_LAUNCHES)) {
    await tell(`launching ${offering.name}`, async () => {
      const request = launchRequest(pool, dryOrder(owner, offering), offering, {
        image,
        security_groups: pool.security_groups ?? [],
        user_data: Buffer.alloc(0),
      })
      await dryRun(account, request, offering, signal)
    })
  }
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
    // Allowed, and not done.
    if (codeOf(error) === 'DryRunOperation') return
    const { failure, message } = startFailure(error, offering)
    throw new LaunchRefused(`${message}; ${HELP[failure]}`, { cause: error })
  }
}

/** Has its advice already. */
class LaunchRefused extends Error {
  override readonly name = 'LaunchRefused'
}

/** What an administrator can do about it. */
const HELP: Readonly<Record<StartFailure, string>> = {
  permission:
    'give the manager the policy that "coprctl builders aws-policy" prints, and credentials that are valid',
  configuration: 'correct the pool in pools.yaml',
  no_capacity: 'name other instance_types or subnets, too',
  quota: 'ask AWS for more of it in the console of Service Quotas',
  throttled: 'ask again in a minute',
  token_spent: 'ask again',
  unknown: 'ask again; see that EC2 can be reached from here',
}

function helpedBy(error: unknown): string {
  if (error instanceof LaunchRefused) return error.message
  // Ours say what is wrong with the pool.
  if (error instanceof CoprError) return `${error.message}; ${HELP.configuration}`
  const { failure, message } = startFailure(error, { instance_type: '', purchase: 'on_demand' })
  return `${message}; ${HELP[failure]}`
}

/** With the real owner: the policy allows launches with its tag only. */
function dryOrder(owner: PoolOwner, offering: AwsOffering): StartOrder {
  return {
    ...owner,
    machine_id: 0,
    name: 'diagnosis',
    offering,
    launch_token: `diagnosis-${offering.name}`,
    id_in_pool: 0,
    counters: {},
    boot: {
      enroll_token: '',
      gateway_url: '',
      name: 'diagnosis',
      arches: [],
      tags: [],
      agent: { sha256: '', node_sha256: {} },
      dead_man: { enroll_seconds: 0, silence_seconds: 0, lifetime_seconds: 0 },
    },
  }
}
