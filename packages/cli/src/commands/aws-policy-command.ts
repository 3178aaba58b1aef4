import type { Command } from 'commander'
import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import { awsPolicy } from '@copr/resalloc/providers/aws-policy'
import type { Io } from './administer.ts'
import { type PoolsOptions, poolsOf, withPools } from './pools-of.ts'

interface Options extends PoolsOptions {
  bake?: boolean
}

/** `coprctl builders aws-policy` prints the policy that an administrator pastes into IAM. */
export function awsPolicyCommand(command: Command, io: Io): Command {
  command.option('--bake', 'also allow the calls of "coprctl image bake"')
  return withPools(command, io).action((names: string[], options: Options) => {
    const { pools, installation_id } = poolsOf(options, names)
    const ours = Object.entries(pools).filter(
      (entry): entry is [string, PoolConfigOf<'aws'>] => entry[1].provider === 'aws',
    )
    const { bake = false } = options
    const policy = awsPolicy({ installation_id, pools: Object.fromEntries(ours), bake })
    io.stdout.write(`${JSON.stringify(policy, null, 2)}\n`)
  })
}
