/**
 * Measures ordinary pages under abuse: 200 slow clients, forms of 8 MiB and of 1 MiB, and 10,000 wrong tokens a minute. Writes its table in
 * docs/performance.md.
 *
 * `node bench/edges.ts [SECONDS]`: each case is measured for SECONDS.
 */
import { startEmbeddedPostgres } from '@copr/domain/database/embedded-postgres'
import { migrate } from '@copr/domain/database/migrate'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fillEdges } from './edges/fill-edges.ts'
import type { AttackName } from './edges/attack.ts'
import { untilQuiet } from './api/measure.ts'

const PAGE = new URL('../docs/performance.md', import.meta.url)
const PAGES = ['/', '/coprs/dana/hello-1/', '/api_3/project/list?limit=20', '/status/pending/']
const seconds = Number(process.argv[2] ?? 20)

const CASES: [name: string, attacks: AttackName[]][] = [
  ['nobody else', []],
  ['200 slow clients', ['slow']],
  ['forms of 8 MiB, to the login and by a user', ['forms']],
  ['the largest forms that are read, 1 MiB, to the same', ['largest']],
  ['10,000 wrong tokens a minute', ['tokens']],
  ['slow clients, forms of 8 MiB and wrong tokens at once', ['slow', 'forms', 'tokens']],
  ['all of them', ['slow', 'forms', 'largest', 'tokens']],
]

interface Row {
  name: string
  count: number
  p50: number
  p95: number
  odd: number
  /** Requests per second by all attackers together. */
  attacks: number
}

/** Requests pages one after another, as a visitor does. */
async function measurePages(url: string): Promise<Omit<Row, 'name' | 'attacks'>> {
  const times: number[] = []
  let odd = 0
  const until = performance.now() + seconds * 1000
  for (let i = 0; performance.now() < until; i++) {
    const began = performance.now()
    const headers = { 'x-forwarded-for': '198.51.100.7' }
    const response = await fetch(`${url}${PAGES[i % PAGES.length]}`, { headers })
    await response.arrayBuffer()
    if (response.status !== 200) odd++
    times.push(performance.now() - began)
    await sleep(10)
  }
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.ceil(times.length * share) - 1] ?? 0
  return { count: times.length, p50: at(0.5), p95: at(0.95), odd }
}

async function started(
  file: string,
  args: string[],
): Promise<{ child: ChildProcess; said: unknown }> {
  const child = fork(new URL(file, import.meta.url), args, { stdio: 'inherit' })
  const [said] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [])])
  if (said === undefined) throw new Error(`${file} ended before it was ready`)
  return { child, said }
}

/** Stops an attack; returns how many requests it made. */
async function endAttack(child: ChildProcess): Promise<number> {
  const told = once(child, 'message')
  child.send('stop')
  const [requests] = await told
  return Number(requests)
}

async function stopped(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
}

function tableOf(rows: Row[], was_quiet: boolean): string {
  const idle = rows[0]?.p95 ?? 1
  return [
    `Ordinary pages and lists, one after the other, for ${seconds} s each${was_quiet ? '' : '; other programs used the processors, too'}.`,
    '',
    '| while there are | p50 (ms) | p95 (ms) | times idle | answers | other than 200 | requests of attackers a second |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ name, p50, p95, count, odd, attacks }) =>
        `| ${name} | ${p50.toFixed(1)} | ${p95.toFixed(1)} | ${(p95 / idle).toFixed(1)} | ${count} | ${odd} | ${attacks.toFixed(0)} |`,
    ),
  ].join('\n')
}

const dir = mkdtempSync(join(tmpdir(), 'copr-bench-edges-'))
try {
  await using postgres = await startEmbeddedPostgres({
    dir: join(dir, 'postgres'),
    password: 'bench',
    unsafe: true,
  })
  await migrate(postgres.url)
  const token = await fillEdges(postgres.url)
  const was_quiet = await untilQuiet(10_000)
  const { child: server, said: port } = await started('./api/server.ts', [postgres.url])
  const url = `http://127.0.0.1:${String(port)}`
  // A warm-up, because a page takes several times longer until its code is compiled.
  await measurePages(url)
  const rows: Row[] = []
  for (const [name, attacks] of CASES) {
    const running = await Promise.all(
      attacks.map((attack) => started('./edges/attack.ts', [attack, url, token])),
    )
    const measured = await measurePages(url)
    const requests = await Promise.all(running.map(({ child }) => endAttack(child)))
    const row = { name, ...measured, attacks: requests.reduce((a, b) => a + b, 0) / seconds }
    rows.push(row)
    process.stdout.write(
      `${name}: p95 ${row.p95.toFixed(1)} ms, ${row.attacks.toFixed(0)} attacks/s\n`,
    )
  }
  await stopped(server)
  const table = tableOf(rows, was_quiet)
  process.stdout.write(`\n${table}\n`)
  const text = readFileSync(PAGE, 'utf8')
  const section = `<!-- edges -->\n\n${table}\n\n<!-- /edges -->`
  writeFileSync(
    PAGE,
    text.replace(/<!-- edges -->[^]*<!-- \/edges -->/, () => section),
  )
} finally {
  rmSync(dir, { recursive: true, force: true })
}
