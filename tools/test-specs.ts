/**
 * Builds each spec in a folder in the mini distribution, using Debian's original tarballs, and prints a table of the outcomes. The specs
 * are inputs and are kept outside the checkout.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { debianSourceVersions } from '@copr/testkit/samples/debian-source'
import { buildFixture } from '../packages/builder/src/testing/build-fixture.ts'
import { buildSpec, providedBy, type SpecResult } from './specs/build-specs.ts'
import { readJudgments, withJudgment } from './specs/judgments.ts'
import { renderMissing, renderRow, renderSummary } from './specs/table.ts'
import { SPECS_CACHE } from './specs/tarball.ts'

const USAGE = `Usage: node tools/test-specs.ts [--only <name,...>] [--again] [--at-once <builds>] [--timeout <seconds>] <folder>

Builds each *.spec of the folder in the mini distribution. --only builds some; --again builds only what
was not built before, and takes the other results from results.json. Logs and results.json are in
${SPECS_CACHE}.
`
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    again: { type: 'boolean', default: false },
    'at-once': { type: 'string', default: '2' },
    timeout: { type: 'string', default: '300' },
    help: { type: 'boolean', default: false },
  },
})
const [folder] = positionals
const atOnce = Number(values['at-once'])
const timeoutSeconds = Number(values.timeout)

if (values.help || folder === undefined || !(atOnce >= 1) || !(timeoutSeconds >= 1)) {
  process.stderr.write(USAGE)
  process.exitCode = values.help ? 0 : 2
} else if (process.getuid?.() !== 0) {
  process.stderr.write(
    'Cannot build specs as another user than root: builds need namespaces and mounts\n',
  )
  process.exitCode = 2
} else process.exitCode = await testSpecs(folder)

/** Returns the exit code, which is 1 if the verdict on any failure is `ours`. */
async function testSpecs(dir: string): Promise<number> {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupted.abort())
  const logs = join(SPECS_CACHE, 'logs')
  const resultsFile = join(SPECS_CACHE, 'results.json')
  await mkdir(logs, { recursive: true })
  const all = (await readdir(dir))
    .filter((file) => file.endsWith('.spec'))
    .map((file) => file.slice(0, -'.spec'.length))
    .toSorted()
  const results = new Map<string, SpecResult>()
  if (values.again || values.only !== undefined)
    for (const one of await readResults(resultsFile))
      if (all.includes(one.name)) results.set(one.name, one)
  const only = values.only?.split(',')
  const wanted = all.filter((name) =>
    only ? only.includes(name) : results.get(name)?.verdict !== 'built',
  )
  print('Reading the list of Debian sources')
  const debian = await debianSourceVersions(SPECS_CACHE, interrupted.signal)
  let step = ''
  await using fixture = await buildFixture({
    cacheDir: SPECS_CACHE,
    more: true,
    onProgress: (progress) => {
      if (progress.step !== step) print(`Making the mini distribution: ${progress.step}`)
      step = progress.step
    },
  })
  const builder = {
    fixture,
    debian,
    provided: await providedBy(join(SPECS_CACHE, 'distro/repo')),
    timeoutSeconds,
    signal: interrupted.signal,
    onLog: (name: string, log: string) => writeFile(join(logs, `${name}.log`), log),
  }
  const queue = [...wanted]
  let done = 0
  const work = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const text = await readFile(join(dir, `${name}.spec`), 'utf8')
      const result = await buildSpec(name, text, builder)
      results.set(name, result)
      print(`[${++done}/${wanted.length}] ${renderRow(result)}`)
      await writeFile(resultsFile, `${JSON.stringify([...results.values()], undefined, 1)}\n`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const judgments = await readJudgments(dir)
  const table = [...results.values()]
    .map((one) => withJudgment(one, judgments))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  print('')
  for (const one of table) print(renderRow(one))
  const missing = renderMissing(table)
  if (missing !== '')
    print(`\nMissing packages, with the number of specs that need them:\n${missing}`)
  print(`\n${renderSummary(table)}`)
  if (results.size > done) print(`${results.size - done} of the results are those of earlier runs`)
  return table.some(({ verdict }) => verdict === 'ours') ? 1 : 0
}

async function readResults(file: string): Promise<SpecResult[]> {
  const text = await readFile(file, 'utf8').catch(() => '[]')
  return JSON.parse(text) as SpecResult[]
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
