import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { requireComplete, requireDifference, requireNoOthers } from './golden-files.ts'

const BASE = [service('a', 1), service('b', 1), service('c', 1)]
const RENDERING = [service('d', 1), service('c', 2), service('a', 1)]

function service(name: string, port: number): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port }] } }
}

function emptyFolder(t: TestContext): URL {
  const path = mkdtempSync(join(tmpdir(), 'golden-'))
  t.after(() => rmSync(path, { recursive: true }))
  return pathToFileURL(`${path}/`)
}

test('a missing golden file is an error, and an update writes the file', (t) => {
  const url = emptyFolder(t)
  const check = (isUpdate: boolean): void => {
    requireComplete({ url, isUpdate }, 'base', BASE)
    requireDifference({ url, isUpdate }, 'other', 'base', RENDERING)
  }
  assert.throws(() => check(false), /base\.yaml: it is missing; UPDATE_GOLDEN=1 writes it/)
  requireComplete({ url, isUpdate: true }, 'base', BASE)
  assert.throws(() => check(false), /other\.diff\.yaml: it is missing/)
  check(true)
  check(false)
})

test('the difference from the base is short, and the base and the difference determine the rendering', (t) => {
  const url = emptyFolder(t)
  requireComplete({ url, isUpdate: true }, 'base', BASE)
  requireDifference({ url, isUpdate: true }, 'other', 'base', RENDERING)
  assert.equal(
    readFileSync(new URL('other.diff.yaml', url), 'utf8'),
    `base: base
removed:
  - Service a
  - Service b
changed:
  Service c:
    spec.ports[0]:
      was:
        - port: 1
      is:
        - port: 2
added:
  - object:
      apiVersion: v1
      kind: Service
      metadata:
        name: d
      spec:
        ports:
          - port: 1
  - after: Service c
    object:
      apiVersion: v1
      kind: Service
      metadata:
        name: a
      spec:
        ports:
          - port: 1
`,
  )
})

test('a rendering, base or difference that has changed is an error', (t) => {
  const url = emptyFolder(t)
  requireComplete({ url, isUpdate: true }, 'base', BASE)
  requireDifference({ url, isUpdate: true }, 'other', 'base', RENDERING)
  const folder = { url, isUpdate: false }
  const others = [
    RENDERING.toReversed(),
    RENDERING.slice(1),
    [...RENDERING, service('e', 1)],
    RENDERING.with(1, service('c', 3)),
  ]
  for (const other of others)
    assert.throws(() => requireDifference(folder, 'other', 'base', other), {
      code: 'ERR_ASSERTION',
    })
  requireComplete({ url, isUpdate: true }, 'base', BASE.slice(1))
  assert.throws(() => requireDifference(folder, 'other', 'base', RENDERING), {
    code: 'ERR_ASSERTION',
  })
})

test('a golden file that no test reads is an error', (t) => {
  const url = emptyFolder(t)
  writeFileSync(new URL('old.yaml', url), '')
  assert.throws(() => requireNoOthers({ url, isUpdate: false }, ['new.yaml']), /Delete old\.yaml/)
  requireNoOthers({ url, isUpdate: false }, ['new.yaml', 'old.yaml'])
})
