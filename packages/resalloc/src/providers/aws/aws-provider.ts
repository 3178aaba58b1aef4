import {
  DescribeInstancesCommand,
  type Instance,
  type RunInstancesCommandInput,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2'
import { CoprError, messageOf } from '@copr/process/errors'
import { userData } from '../../bootstrap/cloud-config.ts'
import type { MakeProvider, Provider, StartOrder, StartOutcome, StopOrder } from '../provider.ts'
import { type AwsAccount, awsAccounts } from './aws-account.ts'
import { diagnose } from './diagnose.ts'
import type { AccountKey } from './ec2-api.ts'
import { codeOf, isMissing, startFailure } from './error-classes.ts'
import { launchRequest } from './launch-request.ts'
import { type AwsOffering, awsOfferings } from './offerings.ts'
import { ownedBy, TAG } from './ownership-tags.ts'
import { poolFacts } from './pool-facts.ts'
import { removeThing } from './remove.ts'

/** For this many seconds, EC2 may not yet list a new resource. */
const SETTLE_SECONDS = 180

/** Returns the factory for the providers of all EC2 pools. Pools of the same account share its rate limits and listings. */
export function awsProviders(): MakeProvider<'aws'> {
  const accountOf = awsAccounts()
  return (config, context) => {
    const key: AccountKey = {
      region: config.region,
      endpoint_url: config.endpoint_url,
      role_arn: config.role_arn,
    }
    const account = accountOf(key)
    const owner = { installation_id: context.installation_id, pool: context.pool }
    const facts = poolFacts(account.api, { pool: config, owner, now: context.now })
    const offerings = awsOfferings(config)
    const accountOfMachine = ({ data }: StopOrder): AwsAccount => {
      const made_in = keyIn(data)
      return made_in ? accountOf(made_in) : account
    }

    const launch = async (
      order: StartOrder,
      offering: AwsOffering,
      signal: AbortSignal,
    ): Promise<StartOutcome> => {
      const { image, key_name, groups_of } = await facts.get(signal)
      const request = launchRequest(config, order, offering, {
        image,
        key_name,
        security_groups: groups_of.get(offering.subnet) ?? [],
        user_data: userData(order.boot, { interruption_notice: 'ec2' }),
      })
      const id = await runInstance(account, order, request, signal)
      if (id === undefined) return SPENT
      return { ok: true, provider_id: id, data: dataOf(key) }
    }

    const provider: Provider = {
      account: account.name,
      settle_seconds: SETTLE_SECONDS,
      offerings: () => offerings,
      async start(order, signal) {
        if (signal.aborted)
          return { ok: false, failure: 'unknown', message: 'The deadline has passed' }
        const offering = offerings.find(({ name }) => name === order.offering.name)
        if (!offering) return unknownOffering(order)
        try {
          return await launch(order, offering, signal)
        } catch (error) {
          if (signal.aborted) return { ok: false, failure: 'unknown', message: messageOf(error) }
          if (error instanceof CoprError)
            return {
              ok: false,
              failure: 'configuration',
              message: error.message,
              retry_seconds: 1800,
            }
          if (!isMissing(error)) return startFailure(error, offering)
          // If the missing resource is one that the pool creates itself, the next start creates it again.
          facts.forget()
          const is_ours =
            (!config.security_groups && /^InvalidGroup|^InvalidKeyPair/.test(codeOf(error))) ||
            (config.baked && codeOf(error).startsWith('InvalidAMIID'))
          return { ...startFailure(error, offering), ...(is_ours ? { failure: 'unknown' } : {}) }
        }
      },
      async stop(order, signal) {
        signal.throwIfAborted()
        const there = accountOfMachine(order)
        const ids =
          order.provider_id === null
            ? (await instancesOf(there, order, signal))
                .filter(({ State }) => State?.Name !== 'terminated')
                .flatMap(({ InstanceId }) => InstanceId ?? [])
            : [order.provider_id]
        await there.terminate(ids, signal)
      },
      async *list(signal) {
        yield* await account.list(owner.installation_id, signal)
      },
      async remove(listed, signal) {
        if (listed.kind === 'machine') await account.terminate([listed.provider_id], signal)
        else await removeThing(account.api, listed, signal)
        if (listed.pool === owner.pool) facts.forget()
      },
      diagnose: async (signal) =>
        await diagnose(account, { pool: config, owner, offerings }, signal),
    }
    return provider
  }
}

const SPENT: StartOutcome = {
  ok: false,
  failure: 'token_spent',
  message: 'The machine of this launch token was terminated',
}

/** Returns the ID of the order's machine, whether new or already started; undefined if the machine has ended. */
async function runInstance(
  account: AwsAccount,
  order: StartOrder,
  request: RunInstancesCommandInput,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { Instances } = await account.api.once(
      'run',
      async (client, options) => await client.send(new RunInstancesCommand(request), options),
      signal,
    )
    const [instance] = Instances ?? []
    if (instance?.InstanceId === undefined)
      throw new Error('EC2 started no instance and gave no reason')
    return hasEnded(instance) ? undefined : instance.InstanceId
  } catch (error) {
    if (codeOf(error) !== 'IdempotentParameterMismatch') throw error
    // The image or a security group has changed since the first call, whose response was lost. The first call may have started a machine;
    // that one is used.
    const found = await instancesOf(account, order, signal)
    return found.find((instance) => !hasEnded(instance))?.InstanceId
  }
}

/** Whether an instance has ended. If a token was used before, EC2 returns the token's instance regardless of its state. */
function hasEnded({ State }: Instance): boolean {
  return State?.Name === 'terminated' || State?.Name === 'shutting-down'
}

async function instancesOf(
  account: AwsAccount,
  order: StartOrder | StopOrder,
  signal: AbortSignal,
): Promise<Instance[]> {
  const command = new DescribeInstancesCommand({
    Filters: [
      ownedBy(order.installation_id),
      { Name: `tag:${TAG.launch_token}`, Values: [order.launch_token] },
    ],
    MaxResults: 100,
  })
  const { Reservations = [] } = await account.api.call(
    'describe',
    async (client, options) => await client.send(command, options),
    signal,
  )
  return Reservations.flatMap(({ Instances = [] }) => Instances)
}

function unknownOffering({ offering }: StartOrder): StartOutcome {
  const message = `Cannot start ${offering.name}: the pool no longer offers it`
  return { ok: false, failure: 'no_capacity', message }
}

/** Returns the account and region where the machine was made, which may differ from the pool's current configuration. */
function keyIn(data: Record<string, unknown>): AccountKey | undefined {
  const of = (name: string): string | undefined =>
    typeof data[name] === 'string' ? data[name] : undefined
  const region = of('region')
  return region === undefined
    ? undefined
    : { region, endpoint_url: of('endpoint_url'), role_arn: of('role_arn') }
}

/** Returns the data that is needed to end a machine even after its pool has moved to another region or no longer exists. */
function dataOf({ region, endpoint_url, role_arn }: AccountKey): Record<string, unknown> {
  return {
    region,
    ...(endpoint_url === undefined ? {} : { endpoint_url }),
    ...(role_arn === undefined ? {} : { role_arn }),
  }
}
