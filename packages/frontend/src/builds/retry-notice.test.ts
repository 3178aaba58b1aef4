import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LostCause } from '@copr/contract/builder-protocol'
import { link } from '../testing/test-builds.ts'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'
import { retryNotice } from './retry-notice.ts'

for (const [state, tries, words] of [
  ['queued', 1, 'The cloud interrupted the machine; the build starts again, try 2 of 3'],
  ['running', 2, 'The cloud interrupted the machine; the build has started again, try 2 of 3'],
  // A step that publishes is retried without limit.
  ['queued', 7, 'The cloud interrupted the machine; the build starts again, try 8'],
  ['waiting', 0, undefined],
] as const)
  test(`retryNotice() describes a ${state} step after ${tries} tries`, () => {
    assert.equal(retryNotice({ lost_cause: 'interrupted', state, tries }, 3), words)
  })

test('retryNotice() returns a different text for each cause, and none if no attempt was lost', () => {
  const of = (lost_cause: string | null) =>
    retryNotice({ lost_cause, state: 'queued', tries: 1 }, 3)
  assert.equal(new Set(LostCause.options.map(of)).size, LostCause.options.length)
  assert.equal(of(null), undefined)
})

test('the pages of a build and of the builders show why an attempt was lost, separately from failures', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const { id } = await link(t)
  const page = async (path: string): Promise<string> =>
    (await (await t.ask(path)).text()).replaceAll(/\s+/g, ' ')
  const build = `/coprs/dana/telescope/build/${id}/`
  for (const path of [build, '/status/builders/', '/status/pending/'])
    assert.doesNotMatch(await page(path), /class="lost"|interrupted/, path)
  await t.db.updateTable('task').set({ attempts: 1, lost_cause: 'interrupted' }).execute()
  const max = t.frontend.config.limits.max_attempts
  const words = `The cloud interrupted the machine; the build starts again, try 2 of ${max}`
  for (const path of [build, '/status/builders/', '/status/pending/'])
    assert.match(await page(path), new RegExp(`not your build's fault.*${words}\\.`), path)
  assert.doesNotMatch(await page(build), /pf-m-danger/)
})
