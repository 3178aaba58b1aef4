import type { PoolConfig } from '@copr/contract/pools/provider-options'

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

type Entry = PoolConfig['prealloc_schedule'][number]

/** Returns the number of idle machines that the pool keeps ready at this time. */
export function warmPoolSize(config: PoolConfig, now: Date): number {
  if (config.tags_on_demand.length > 0) return 0
  const entry = config.prealloc_schedule.find((each) => isNow(each, now))
  return entry?.max_prealloc ?? config.max_prealloc
}

function isNow({ days, from, to }: Entry, now: Date): boolean {
  const time = now.toISOString().slice(11, 16)
  const isOn = (day: number): boolean => {
    const name = DAYS[(day + 7) % 7]
    return !days || (name !== undefined && days.includes(name))
  }
  const today = now.getUTCDay()
  if (from < to) return isOn(today) && from <= time && time < to
  // The entry spans midnight: its days are those on which it starts.
  return (isOn(today) && time >= from) || (isOn(today - 1) && time < to)
}
