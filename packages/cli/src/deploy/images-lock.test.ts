import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import { stringify } from 'yaml'
import { imagesOf } from './images-lock.ts'

const named = (name: string) => `registry.example.org/copr/${name}@sha256:${'a'.repeat(64)}`

/** Resolves the images for a lock file with these entries (undefined: no lock file) and the section `images` of vars.yml. */
function chosen(locked: string[] | undefined, images: object, mode = 'embedded') {
  const dir = mkdtempSync(join(tmpdir(), 'copr-images-lock-'))
  try {
    const file = join(dir, 'images.lock.yaml')
    const entries = locked?.map((name) => [name, { image: named(name) }])
    if (entries) writeFileSync(file, stringify({ images: Object.fromEntries(entries) }))
    return imagesOf(Vars.parse({ images, database: { mode } }), file)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

test('imagesOf() returns both images from the lock file, optionally with the registry of a mirror', () => {
  const both = ['server', 'postgresql']
  assert.deepEqual(chosen(both, {}), { server: named('server'), postgresql: named('postgresql') })
  assert.match(
    chosen(both, { registry: 'mirror.example/x/' }).postgresql,
    /^mirror\.example\/x\/postgresql@/,
  )
})

test('imagesOf() returns the images that vars.yml names, without a lock file', () => {
  const own = { server: named('mine'), postgresql: named('db') }
  assert.deepEqual(chosen(undefined, own), own)
})

test('imagesOf() refuses an embedded database without an image, and suggests a remedy', () => {
  assert.throws(() => chosen(['server'], {}), /has no image for it\n {4}try: make images/)
  assert.throws(
    () => chosen(undefined, { server: named('mine') }),
    /try: images\.postgresql in vars\.yml/,
  )
})

test('imagesOf() needs no PostgreSQL image for an external database', () => {
  assert.equal(chosen(['server'], {}, 'cloudnativepg').server, named('server'))
})

test('imagesOf() without a lock file suggests how to create one', () => {
  assert.throws(() => chosen(undefined, {}), /try: make images/)
})
