import { isDeepStrictEqual } from 'node:util'
import { align } from './align.ts'

/** The values at a path before and after the change. If there is no value, the field is missing. */
interface Change {
  was?: unknown
  is?: unknown
}

/** The changes by path: `spec.template.spec.containers[web].env[2]`, `data["copr.yaml"] line 7`. */
export type Changes = Record<string, Change>

type Fields = Record<string, unknown>
type Step = { key: string } | { element: string | number } | { line: number }

/**
 * Lists the paths at which two values differ. If a path ends with an index or a line number, `was` and `is` are one or more elements or
 * lines from there on. The order of an object's keys does not matter.
 */
export function changesBetween(before: unknown, after: unknown): Changes {
  return Object.fromEntries(compare(before, after, ''))
}

function compare(before: unknown, after: unknown, path: string): [string, Change][] {
  if (isDeepStrictEqual(before, after)) return []
  if (isFields(before) && isFields(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => compare(before[key], after[key], path + keyStep(key, path)))
  }
  if (Array.isArray(before) && Array.isArray(after))
    return align<unknown>(before, after, identityOf).flatMap((each) =>
      'pair' in each
        ? compare(...each.pair, `${path}[${elementStep(before, each.at)}]`)
        : [[`${path}[${each.at}]`, changeOf(some(each.was), some(each.is))]],
    )
  if (isText(before) && isText(after))
    return align(before.split('\n'), after.split('\n'), (line) => line).flatMap((each) =>
      'pair' in each
        ? []
        : [
            [
              `${path} line ${each.at + 1}`,
              changeOf(some(each.was)?.join('\n'), some(each.is)?.join('\n')),
            ],
          ],
    )
  return [[path, changeOf(before, after)]]
}

function changeOf(was: unknown, is: unknown): Change {
  return { ...(was !== undefined && { was }), ...(is !== undefined && { is }) }
}

function some<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined
}

/** Reconstructs the second value from the first one and the changes between them. Throws if `before` is not the value that was compared. */
export function applyChanges(before: unknown, changes: Changes): unknown {
  // The changes are applied from the last to the first, so that the indexes of the remaining ones stay valid.
  return Object.entries(changes).reduceRight((value, [path, each]) => {
    try {
      return applyChange(value, stepsOf(path), each)
    } catch (error) {
      throw new Error(`Cannot apply the change at ${path}`, { cause: error })
    }
  }, before)
}

function applyChange(value: unknown, [step, ...rest]: Step[], { was, is }: Change): unknown {
  if (step === undefined) {
    requireEqual(value, was)
    return is
  }
  if ('line' in step) {
    return splice(linesOf(value), step.line - 1, linesOf(was), linesOf(is)).join('\n')
  }
  if ('element' in step) {
    const list = value as unknown[]
    const index = indexOf(list, step.element)
    if (rest.length > 0) return list.with(index, applyChange(list[index], rest, { was, is }))
    return splice(list, index, (was ?? []) as unknown[], (is ?? []) as unknown[])
  }
  const { [step.key]: old, ...others } = value as Fields
  const changed = applyChange(old, rest, { was, is })
  return changed === undefined ? others : { ...(value as Fields), [step.key]: changed }
}

function splice<T>(list: T[], index: number, was: T[], is: T[]): T[] {
  requireEqual(list.slice(index, index + was.length), was)
  return list.toSpliced(index, was.length, ...is)
}

function requireEqual(found: unknown, was: unknown): void {
  if (!isDeepStrictEqual(found, was))
    throw new Error(`expected ${JSON.stringify(was)}, found ${JSON.stringify(found)}`)
}

function linesOf(value: unknown): string[] {
  return typeof value === 'string' ? value.split('\n') : []
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.includes('\n')
}

/** Two list elements with the same name are versions of the same element. Elements without a name are identified by their contents. */
function identityOf(element: unknown): string {
  return nameOf(element) ?? JSON.stringify(element)
}

function nameOf(element: unknown): string | undefined {
  const name = isFields(element) ? element['name'] : undefined
  return typeof name === 'string' && /^[a-z][\w.-]*$/i.test(name) ? name : undefined
}

/**
 * Returns how a path refers to a list element: by its name, which is easier to read, if the name is unique in the list, and otherwise by
 * its index.
 */
function elementStep(list: unknown[], index: number): string | number {
  const name = nameOf(list[index])
  return name !== undefined && list.filter((each) => nameOf(each) === name).length === 1
    ? name
    : index
}

function indexOf(list: unknown[], element: string | number): number {
  return typeof element === 'number' ? element : list.findIndex((each) => nameOf(each) === element)
}

function keyStep(key: string, path: string): string {
  if (!/^[a-z_][\w-]*$/i.test(key)) return `[${JSON.stringify(key)}]`
  return path === '' ? key : `.${key}`
}

const STEP =
  /\.?(?<key>[a-z_][\w-]*)|\[(?<quoted>"(?:[^"\\]|\\.)*")\]|\[(?<index>\d+)\]|\[(?<name>[^\]]+)\]| line (?<line>\d+)$/giy

function stepsOf(path: string): Step[] {
  const found = [...path.matchAll(STEP)]
  if (found.map(([text]) => text).join('') !== path) throw new Error('the path has another syntax')
  return found.map(({ groups: { key, quoted, index, name, line } = {} }) => {
    if (key !== undefined) return { key }
    if (quoted !== undefined) return { key: JSON.parse(quoted) as string }
    if (line !== undefined) return { line: Number(line) }
    return { element: name ?? Number(index) }
  })
}
