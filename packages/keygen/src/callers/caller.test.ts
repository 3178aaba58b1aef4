import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeygenRight } from '@copr/contract/configuration/keygen-config'
import { silentLog } from '@copr/process/log'
import { makeKeygenApp } from '../app.ts'
import type { Signing } from '../signatures/sign-digests.ts'

/** Contains only a log, because rights are checked before anything else is used. */
const NOTHING = { keygen: { log: silentLog() } } as unknown as Signing

async function statusFor(rights: KeygenRight[], method: string, path: string): Promise<number> {
  const app = makeKeygenApp(NOTHING, [async () => ({ name: 'caller', rights })])
  const headers = { authorization: 'Bearer token' }
  return (await app.request(path, { method, headers })).status
}

for (const [method, path, right] of [
  ['POST', '/keys', 'make'],
  ['POST', '/sign', 'sign'],
  ['POST', '/keys/dana/telescope/rotate', 'administer'],
  ['GET', '/signatures', 'administer'],
  ['POST', '/signatures/check', 'administer'],
  ['POST', '/secrets/seal', 'seal'],
] as const)
  test(`${method} ${path} requires the right ${right}; all other rights together are not enough`, async () => {
    const others = KeygenRight.options.filter((each) => each !== right)
    assert.equal(await statusFor(others, method, path), 403)
    assert.notEqual(await statusFor([right], method, path), 403)
  })

for (const [purpose, right] of [
  ['webhook', 'seal'],
  ['git', 'open'],
  ['forge', 'open'],
  ['outgoing', 'open'],
] as const)
  test(`POST /secrets/open opens a secret of the kind ${purpose} only with the right ${right}`, async () => {
    const sealed = Buffer.from('sealed').toString('base64')
    const status = async (rights: KeygenRight[]): Promise<number> => {
      const app = makeKeygenApp(NOTHING, [async () => ({ name: 'caller', rights })])
      const body = JSON.stringify({ purpose, context: 'project 1', sealed })
      const headers = { authorization: 'Bearer token', 'content-type': 'application/json' }
      return (await app.request('/secrets/open', { method: 'POST', headers, body })).status
    }
    assert.equal(await status(KeygenRight.options.filter((each) => each !== right)), 403)
    assert.notEqual(await status([right]), 403)
  })
