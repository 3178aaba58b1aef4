import { readFileSync } from 'node:fs'

/** A test that matches one of these may depend on timing or on the order of events. */
const RULES: readonly (readonly [reason: string, pattern: RegExp])[] = [
  ['timer', /\b(setTimeout|setInterval|setImmediate|sleep)\(|timers\/promises/],
  ['deadline', /AbortSignal\.timeout|\btimeout_ms\b|\bdeadlines\b/],
  ['short time', /_seconds: (0?\.\d+|[1-3])\b(?!_)/],
  ['interval', /\b(reload_seconds|\w+_every|every_ms|look_ms|heartbeat_ms)\b|(?<![\w.])every\(/],
  ['measured time', /\bperformance\.now\(|\bhrtime\b|\bDate\.now\(\) [-<>]|[-<>] Date\.now\(\)/],
  ['mocked time', /\bmock\.timers\b/],
  ['process', /\bspawn\(|\.kill\(|\bSIG(KILL|TERM|STOP|INT)\b/],
  ['polling', /\b(until\w*|waitFor\w*)\(|\bwhile \(|\bfor \(;;\)/],
  ['notification', /\b(notices|Notices|Bell)\b|\bpg_notify\b|`(listen|notify) /],
  ['file time', /\butimes(Sync)?\(|\bmtime(Ms)?\b/],
  ['watched file', /\bwatch(File)?\(|\bonChange\(/],
  ['concurrency', /\bPromise\.(all|allSettled|any|race|withResolvers)\b/],
  ['cancellation', /\.abort\(/],
  [
    'broken connection',
    /\b(socket|request|response|client|connection)\.destroy\(|\bcloseAllConnections\(/,
  ],
]

/** Test files whose timers cannot affect the outcome. Both files send thousands of requests and would take up most of the time. */
const EXEMPT = new Map([
  ['packages/frontend/malformed/api-values.test.ts', 'its timer only ends a request that hangs'],
  ['packages/frontend/malformed/forms.test.ts', 'its timer only ends a request that hangs'],
])

interface TimeDependentTest {
  /** The title as written in the source. */
  title: string
  /** Matches the title at run time, when the `${}` expressions in it have been evaluated. */
  pattern: RegExp
  reasons: string[]
}

export interface TimeDependentFile {
  path: string
  tests: TimeDependentTest[]
  /** Whether all tests in the file depend on time, so that no filter is needed. */
  is_whole: boolean
}

/** Returns the tests in these files that depend on time or order; files that have none are omitted. */
export function timeDependentFiles(paths: string[]): TimeDependentFile[] {
  return paths
    .filter((path) => !EXEMPT.has(path))
    .map((path) => ({ path, ...timeDependentTests(readFileSync(path, 'utf8')) }))
    .filter(({ tests }) => tests.length > 0)
}

/**
 * Finds the tests that match a rule, either in their own text or in that of a function of the same file that they call directly or
 * indirectly. Code at the top level of a file, outside of functions and tests, counts for all tests of the file.
 */
export function timeDependentTests(source: string): Omit<TimeDependentFile, 'path'> {
  const chunks = chunksOf(source)
  const common = chunks.filter((chunk) => chunk.title === undefined && chunk.name === undefined)
  const titled = chunks.filter((chunk) => chunk.title !== undefined)
  const tests = titled.flatMap((chunk) => {
    const text = [chunk, ...common].flatMap((each) => textsUsedBy(each, chunks)).join('\n')
    const reasons = RULES.filter(([, pattern]) => pattern.test(text)).map(([reason]) => reason)
    const title = chunk.title ?? ''
    return reasons.length > 0 ? [{ title, pattern: patternOf(title), reasons }] : []
  })
  return { tests, is_whole: tests.length === titled.length }
}

interface Chunk {
  text: string
  /** The title of a test or a suite. */
  title?: string
  /** The name of a function, a class, or a constant whose value is an arrow function. */
  name?: string
}

const TITLE =
  /\b(?:test|it|suite|describe)(?:\.\w+)?\(\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/
const NAME = /^(?:export )?(?:async )?(?:function\*?|class|const) (\w+)/

/** Splits the source into top-level statements. The formatter makes each of them begin and end at the left margin. */
function chunksOf(source: string): Chunk[] {
  const texts = source
    .split(/^(?=[^\s})\]`/*])/m)
    .filter((text) => !/^(import|export type|interface|type) /.test(text))
  return texts.map((text) => {
    const isFunction = /^(?:export )?(?:(?:async )?function|class|const \w+ = (?:async )?\()/.test(
      text,
    )
    const name = isFunction ? NAME.exec(text)?.[1] : undefined
    const title = isFunction ? undefined : TITLE.exec(text)
    if (name !== undefined) return { text, name }
    return title ? { text, title: title[1] ?? title[2] ?? '' } : { text }
  })
}

function textsUsedBy(chunk: Chunk, chunks: Chunk[], seen = new Set<Chunk>()): string[] {
  if (seen.has(chunk)) return []
  seen.add(chunk)
  const words = new Set(chunk.text.match(/\w+/g))
  const used = chunks.filter(({ name }) => name !== undefined && words.has(name))
  return [chunk.text, ...used.flatMap((each) => textsUsedBy(each, chunks, seen))]
}

function patternOf(title: string): RegExp {
  const parts = title.replaceAll(/\\(.)/g, '$1').split(/\$\{[^}]*\}/)
  return new RegExp(`^${parts.map((part) => RegExp.escape(part)).join('.*')}`)
}
