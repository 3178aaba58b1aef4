import { z } from 'zod'
import { PoolConfig } from './provider-options.ts'

/** Name of a pool, which is used in machine names and in tags in clouds. */
const PoolName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/)

/** Schema of `pools.yaml`, which maps pool names to pools. */
export const PoolsFile = z.record(PoolName, PoolConfig).superRefine((pools, context) => {
  const tags = (list: 'tags' | 'tags_on_demand') =>
    new Set(Object.values(pools).flatMap((pool) => pool[list].map(({ name }) => name)))
  for (const [name, pool] of Object.entries(pools))
    if (archesOf(pool).length === 0)
      context.addIssue({
        code: 'custom',
        path: [name, 'arches'],
        message: 'No architecture: name them in `arches`, or give it an `arch_…` tag',
      })
  const ordinary = tags('tags')
  for (const name of tags('tags_on_demand'))
    if (ordinary.has(name))
      context.addIssue({
        code: 'custom',
        message: `The tag ${name} is on demand in one pool and not in another, which is ambiguous: use two tags`,
      })
})
export type PoolsFile = z.output<typeof PoolsFile>

const ARCH_TAG = /^arch_([a-z0-9_]+?)(_native|_emulated)?$/

/** The architectures that machines of a pool build for. */
export function archesOf({ arches, tags, tags_on_demand }: PoolConfig): string[] {
  if (arches) return arches
  const named = [...tags, ...tags_on_demand].flatMap(({ name }) => ARCH_TAG.exec(name)?.[1] ?? [])
  return [...new Set(named.filter((arch) => arch !== 'noarch'))]
}
