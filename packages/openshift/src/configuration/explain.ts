import { CoprError } from '@copr/process/errors'
import { didYouMean } from './did-you-mean.ts'
import type { ReadVars } from './read-vars.ts'
import { keysOfVars } from './schema-keys.ts'

export interface Explanation {
  key: string
  meaning: string
  choices?: unknown[]
  default?: unknown
  value?: unknown
  decided_by?: string
  /** The keys of a section; unset for a single key. */
  keys?: string[]
}

/** Explains a key of vars.yml: its meaning, its default, its current value and where that comes from. */
export function explainKey(key: string, { vars, given, remarks }: ReadVars): Explanation {
  const keys = keysOfVars()
  const found = keys.find((each) => each.key === key)
  if (!found) {
    const names = keys.map((each) => each.key)
    const meant = didYouMean(key, names) ?? nearestEnd(key, names)
    const hint = meant ? `did you mean ${meant}?` : `known at the top: ${topOf(names).join(', ')}`
    throw new CoprError('not_found', `Cannot explain ${key}: there is no such key; ${hint}`)
  }
  if (found.isSection)
    return {
      key,
      meaning: found.meaning,
      keys: keys.map((each) => each.key).filter((each) => each.startsWith(`${key}.`)),
    }
  const said = valueAt(given, key)
  const value = valueAt(vars, key)
  const remark = remarks.find(({ became }) => became.startsWith(`${key}:`))
  return {
    key,
    meaning: found.meaning,
    ...(found.choices ? { choices: found.choices } : {}),
    default: found.default ?? 'none: it follows from the profile or the cluster, or stays unset',
    value: value ?? 'not set',
    decided_by:
      said === undefined ? 'the default' : remark ? `${remark.key} in secret-vars.yml` : 'vars.yml',
  }
}

/** Finds the full key for one that was given without its section: `expose.host` for `host`. */
function nearestEnd(key: string, names: string[]): string | undefined {
  const lasts = names.map((name) => name.split('.').at(-1) ?? name)
  const meant = didYouMean(key.split('.').at(-1) ?? key, lasts)
  return meant === undefined ? undefined : names[lasts.indexOf(meant)]
}

function topOf(names: string[]): string[] {
  return names.filter((name) => !name.includes('.'))
}

function valueAt(value: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>(
      (at, name) =>
        typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined,
      value,
    )
}
