import type { PoolConfigOf } from '@copr/contract/pools/provider-options'
import type { Offering } from '../provider.ts'

export type AwsPool = PoolConfigOf<'aws'>
type Purchase = AwsPool['purchase'][number]

export interface AwsOffering extends Offering {
  readonly instance_type: string
  readonly subnet: string
  readonly purchase: Purchase
}

/** Approximate price in USD per vCPU-hour of general-purpose and compute-optimized types. It is similar in all regions. */
const PRICE_PER_VCPU = 0.048
/** A typical spot price as a fraction of the on-demand price. */
const SPOT_SHARE = 0.4
const GIB_PER_VCPU: Record<string, number> = { c: 2, m: 4, r: 8 }

/**
 * Returns the offerings in the order of the purchase options: all types and zones with the first option come before those with the second.
 */
export function awsOfferings({ instance_types, subnets, purchase }: AwsPool): AwsOffering[] {
  return purchase.flatMap((option) =>
    instance_types.flatMap((type) =>
      subnets.map((subnet) => ({
        name: `${type.type}/${subnet}/${option}`,
        group: option,
        price_per_hour: priceOf(type, option),
        ...memoryOf(type),
        instance_type: type.type,
        subnet,
        purchase: option,
      })),
    ),
  )
}

type InstanceType = AwsPool['instance_types'][number]

function priceOf(type: InstanceType, purchase: Purchase): number {
  const on_demand = type.price_per_hour ?? vcpusOf(type.type) * PRICE_PER_VCPU
  if (purchase === 'on_demand') return on_demand
  return type.spot_price_per_hour ?? on_demand * SPOT_SHARE
}

function memoryOf({ type, memory_mb }: InstanceType): { memory_mb?: number } {
  if (memory_mb !== undefined) return { memory_mb }
  const gib = GIB_PER_VCPU[type[0] ?? '']
  // Only for types like `c7i.xlarge`: in other families, the first letter does not indicate the amount of memory.
  if (gib === undefined || !/^[cmr]\d[a-z]*\.\d*x?large$/.test(type)) return {}
  return { memory_mb: vcpusOf(type) * gib * 1024 }
}

/** Returns the number of vCPUs: two for `large`, four for `xlarge`, and n times four for `nxlarge`. */
function vcpusOf(type: string): number {
  const size = /\.(\d*)(x?)large$/.exec(type)
  if (!size) return 2
  return size[2] === '' ? 2 : 4 * Number(size[1] === '' ? 1 : size[1])
}
