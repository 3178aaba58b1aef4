import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { coprctl } from '../coprctl.ts'

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)
const MINE = `lab_7_c${short('mine')}m7t00000000`
const OTHER = `lab_8_c${short('other')}m8t00000000`

/** Creates a simulated cloud, whose machines are files; one of them belongs to this installation and two do not. */
function fixture(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'copr-reap-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const machines = join(dir, 'machines')
  mkdirSync(machines)
  for (const name of [MINE, OTHER, 'lab_000012_20261125']) writeFileSync(join(machines, name), '')
  const pools = join(dir, 'pools.yaml')
  writeFileSync(
    pools,
    `lab:
  arches: [x86_64]
  cmd_new: exit 1
  cmd_delete: rm "${machines}/$RESALLOC_NAME"
  cmd_list: ls ${machines}
`,
  )
  const run = async (...more: string[]) => {
    let [out, err] = ['', '']
    const code = await coprctl(
      [
        'builders',
        'reap',
        '--pools',
        pools,
        '--installation',
        'mine',
        '--state-dir',
        join(dir, 'state'),
        ...more,
      ],
      {
        env: { PATH: process.env['PATH'] },
        stdin: Readable.from([]),
        stdout: { write: (text: string) => (out += text) },
        stderr: { write: (text: string) => (err += text) },
      },
    )
    return { code, out, err }
  }
  return { run, left: () => readdirSync(machines).toSorted() }
}

test('`builders reap` lists leftover machines, and removes nothing without confirmation', async (t) => {
  const { run, left } = fixture(t)
  const { code, out, err } = await run()
  assert.equal(code, 1)
  assert.match(out, new RegExp(MINE))
  assert.ok(!out.includes(OTHER))
  assert.match(err, /pass --yes/)
  assert.equal(left().length, 3)
})

test('`builders reap --yes` removes only the machines of this installation, and needs no database', async (t) => {
  const { run, left } = fixture(t)
  const { code, err } = await run('--yes')
  assert.equal(code, 0, err)
  assert.match(err, /removed 1\n$/)
  assert.deepEqual(left(), [OTHER, 'lab_000012_20261125'].toSorted())
  const again = await run('--json')
  assert.deepEqual([again.code, again.out], [0, '[]\n'])
})
