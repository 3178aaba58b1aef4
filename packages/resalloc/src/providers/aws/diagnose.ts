import { RunInstancesCommand } from '@aws-sdk/client-ec2'
import { messageOf } from '@copr/process/errors'
import type { Finding, StartOrder } from '../provider.ts'
import type { AwsAccount } from './aws-account.ts'
import { codeOf, startFailure } from './error-classes.ts'
import { findImage } from './image.ts'
import { launchRequest } from './launch-request.ts'
import type { AwsOffering, AwsPool } from './offerings.ts'
import type { PoolOwner } from './ownership-tags.ts'
import { vpcsOf } from './pool-facts.ts'

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
      problem = messageOf(error)
    }
    findings.push({ subject, problem })
  }
  await tell('listing', async () => await account.list(owner.installation_id, signal))
  await tell('subnets', async () => await vpcsOf(account.api, pool.subnets, signal))
  await tell('image', async () => await findImage(account.api, pool, signal))
  // A launch that cannot work for another reason would only repeat it.
  if (findings.some(({ problem }) => problem !== undefined)) return findings
  const image = await findImage(account.api, pool, signal)
  for (const purchase of pool.purchase) {
    const offering = offerings.find((each) => each.purchase === purchase)
    if (!offering) continue
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
    throw new Error(startFailure(error, offering).message, { cause: error })
  }
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
