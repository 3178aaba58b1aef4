/**
 * Inserts faults into a copy of this checkout, one at a time, and reports which of them the tests catch.
 *
 * `node tools/run-mutations.ts [NAME...]` tries the named mutations, by default all.
 */
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startTestPostgres } from '../packages/testkit/src/postgres.ts'
import { type CopiedCheckout, copyCheckout } from './mutations/copied-checkout.ts'
import type { Mutation } from './mutations/mutation.ts'
import { MUTATIONS } from './mutations/mutations.ts'

/** Tests must catch at least this many mutations when all are tried, and at least this share of those that are tried. */
const MIN_CAUGHT = 38
const MIN_SHARE = 0.95
/**
 * A mutation may make a test hang. It counts as caught if the test file takes longer than this many times its duration without the
 * mutation, plus TIMEOUT_MS.
 */
const TIMEOUT_FACTOR = 4
const TIMEOUT_MS = 60_000

interface Verdict {
  mutation: Mutation
  /** The first test that failed; undefined if the mutation survived. */
  caught_by: string | undefined
}

const { positionals } = parseArgs({ allowPositionals: true })
const unknown = positionals.filter((name) => !MUTATIONS.some((each) => each.name === name))
if (unknown.length > 0)
  throw new Error(`Cannot find the mutation ${unknown.join(', ')}: tools/mutations/ lists them`)
const isAll = positionals.length === 0
const chosen = isAll ? MUTATIONS : MUTATIONS.filter(({ name }) => positionals.includes(name))

const interrupted = new AbortController()
// Not once(): when the last listener is removed, execa would exit this process before the cleanup.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort())
const { signal } = interrupted
/** Test file that has passed on the unchanged code → its timeout in milliseconds. */
const timeouts: Record<string, number> = {}

await using server = await startTestPostgres()
process.env['COPR_TEST_POSTGRES'] = server.url
await using checkout = await copyCheckout(`${import.meta.dirname}/..`)
process.exitCode = report(await tryAll(checkout)) ? 0 : 1

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function tryAll(copy: CopiedCheckout): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const mutation of chosen) {
    const began = performance.now()
    const caught_by = await firstFailure(copy, mutation)
    await dropClones()
    verdicts.push({ mutation, caught_by })
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    const verdict = caught_by === undefined ? 'SURVIVED' : 'caught'
    say(`${verdicts.length}/${chosen.length} ${mutation.name}: ${verdict} after ${seconds} s`)
  }
  return verdicts
}

async function firstFailure(copy: CopiedCheckout, mutation: Mutation): Promise<string | undefined> {
  for (const file of mutation.tests) {
    const timeout_ms = (timeouts[file] ??= await testUnchanged(copy, file))
    await using _fault = await copy.mutate(mutation)
    const isEnough = new AbortController()
    let output = ''
    const onOutput = (chunk: Buffer): void => {
      output += chunk.toString('utf8')
      if (failureIn(output, file) !== undefined) isEnough.abort()
    }
    const either = AbortSignal.any([signal, isEnough.signal])
    const ended = await copy.test(file, { signal: either, timeout_ms, onOutput })
    if (ended.ok) continue
    if (signal.aborted) throw new Error('Cannot go on: interrupted')
    const title = failureIn(output, file)
    if (title === undefined && ended.reason !== 'timed_out')
      throw new Error(`Cannot try the mutation ${mutation.name}: ${file} does not run\n${output}`)
    return `${file}: ${title ?? 'it does not end'}`
  }
  return undefined
}

/**
 * Runs a test file on the unchanged code before its first use, because a file that always fails would seem to catch every mutation. This
 * also fills the databases that tests clone, so that they do not depend on a mutation. Returns the file's timeout in milliseconds.
 */
async function testUnchanged(copy: CopiedCheckout, file: string): Promise<number> {
  const began = performance.now()
  const ended = await copy.test(file, { signal })
  if (signal.aborted) throw new Error('Cannot go on: interrupted')
  if (!ended.ok) throw new Error(`Cannot try mutations: ${file} fails without any\n${ended.output}`)
  const ms = performance.now() - began
  say(`unchanged: ${file} passes in ${(ms / 1000).toFixed(1)} s`)
  return Math.ceil(ms) * TIMEOUT_FACTOR + TIMEOUT_MS
}

/** Returns the title of the first failed test in TAP output; the failure of a whole file does not count. */
function failureIn(tap: string, file: string): string | undefined {
  const titles = [...tap.matchAll(/^ *not ok \d+ - (.*)\n/gm)].map(([, title]) => title ?? '')
  return titles.find((title) => !title.endsWith(file))
}

/** Drops the databases that killed tests have left behind, which would otherwise stay in memory. */
async function dropClones(): Promise<void> {
  const client = new pg.Client(server.url)
  await client.connect()
  const { rows } = await client.query<{ datname: string }>(
    `select datname from pg_database where datname ~ '^t_[0-9a-f]{32}$'`,
  )
  for (const { datname } of rows) await client.query(`drop database ${datname} with (force)`)
  await client.end()
}

/** Prints the results. Returns whether the tests catch as many mutations as required. */
function report(verdicts: Verdict[]): boolean {
  say('\n| mutation | breaks | caught by |\n| --- | --- | --- |')
  for (const { mutation, caught_by } of verdicts)
    say(`| ${mutation.name} | ${mutation.breaks} | ${caught_by ?? '**survived**'} |`)
  const count = verdicts.filter(({ caught_by }) => caught_by !== undefined).length
  say(`\n${count} of ${verdicts.length} caught`)
  return count >= verdicts.length * MIN_SHARE && (!isAll || count >= MIN_CAUGHT)
}
