import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { run } from '@copr/process/run'

const NODE = `node_modules/node-linux-${process.arch}/bin/node`
const PINNED = process.version

const cases: [title: string, node: string | undefined, answer: RegExp][] = [
  ['accepts the pinned Node', `echo ${PINNED}`, /^$/],
  [
    'names the package that npm left out',
    undefined,
    /npm left out node-linux-\w+, .*npm config delete omit/,
  ],
  [
    'shows why the pinned Node does not start',
    'echo no libx.so >&2; exit 127',
    /does not start here .*: no libx\.so$/,
  ],
  [
    'names a Node of another version',
    'echo v20.1.0',
    /is v20\.1\.0, and package\.json wants v[\d.]+\. Remove/,
  ],
]

for (const [title, node, answer] of cases) {
  test(`check-node.sh ${title}`, async () => {
    using checkout = copyOfCheckout()
    if (node !== undefined) {
      mkdirSync(dirname(join(checkout.dir, NODE)), { recursive: true })
      writeFileSync(join(checkout.dir, NODE), `#!/bin/sh\n${node}\n`, { mode: 0o755 })
    }
    const { ok, output } = await run('/bin/sh', [join(checkout.dir, 'tools/check-node.sh')])
    assert.equal(ok, answer.test(''))
    assert.match(output.trimEnd(), answer)
    assert.ok(output.split('\n').length <= 2, 'the reason takes one line')
  })
}

/** Copies the files that the script reads to a temporary folder. */
function copyOfCheckout(): { dir: string } & Disposable {
  const top = join(import.meta.dirname, '..')
  const dir = mkdtempSync(join(tmpdir(), 'copr-check-node-'))
  mkdirSync(join(dir, 'tools'))
  cpSync(join(top, 'tools/check-node.sh'), join(dir, 'tools/check-node.sh'))
  writeFileSync(join(dir, 'package.json'), readFileSync(join(top, 'package.json')))
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) }
}
