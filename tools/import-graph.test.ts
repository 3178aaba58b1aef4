import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { circlesIn, readImportGraph, specifiersIn } from './import-graph.ts'

const SOURCE = [
  "import './effect.ts'",
  "import * as all from './all.ts'",
  "import type { A } from './a.ts'",
  'import {',
  '  type B,',
  '  b,',
  "} from './b.ts'",
  "export { c } from '@copr/process/c'",
  "export * from 'hono/html'",
  "export type D = typeof import('./d.ts')",
  "const e = await import('node:fs')",
  "// import f from './f.ts'",
  `const g = "import g from './g.ts'"`,
].join('\n')

test('specifiersIn() finds the specifiers of imports, exports and type imports', () => {
  assert.deepEqual(specifiersIn(SOURCE), [
    './effect.ts',
    './all.ts',
    './a.ts',
    './b.ts',
    '@copr/process/c',
    'hono/html',
    './d.ts',
    'node:fs',
  ])
})

const MANIFEST = JSON.stringify({ exports: { './one': './src/one.ts' } })

test('circlesIn() finds a cycle through the exports of a package, and a cycle of type imports', () => {
  using checkout = makeCheckout({
    'packages/a/package.json': MANIFEST,
    'packages/a/src/one.ts': "import { two } from './two.ts'\n",
    'packages/a/src/two.ts': "import { three } from '../../../tools/three.ts'\n",
    'tools/three.ts': "import { one } from '@copr/a/one'\n",
    'tools/four.ts': "import type { Five } from './five.ts'\nimport './three.ts'\n",
    'tools/five.ts': "import type { Four } from './four.ts'\nimport 'node:fs'\n",
    'e2e/six.ts': "import '../tools/four.ts'\n",
    'bench/seven.ts': "import './seven.ts'\n",
    'tools/node_modules/x/eight.ts': "import './eight.ts'\n",
  })
  assert.deepEqual(circlesIn(readImportGraph(checkout.root)), [
    ['bench/seven.ts → bench/seven.ts'],
    [
      'packages/a/src/one.ts → packages/a/src/two.ts',
      'packages/a/src/two.ts → tools/three.ts',
      'tools/three.ts → packages/a/src/one.ts',
    ],
    ['tools/five.ts → tools/four.ts', 'tools/four.ts → tools/five.ts'],
  ])
})

test('readImportGraph() rejects an import that the imported package does not export', () => {
  using checkout = makeCheckout({
    'packages/a/package.json': MANIFEST,
    'tools/x.ts': "import '@copr/a/two'\n",
  })
  assert.throws(
    () => readImportGraph(checkout.root),
    /tools\/x\.ts imports @copr\/a\/two, which is not exported/,
  )
})

function makeCheckout(files: Record<string, string>): Disposable & { root: string } {
  const root = mkdtempSync(join(tmpdir(), 'import-graph-'))
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) }
}
