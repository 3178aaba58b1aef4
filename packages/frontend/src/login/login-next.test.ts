import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestFrontend } from '../testing/test-frontend.ts'
import { nextOf } from './login-pages.ts'

const SITE = 'https://copr.example.org'

for (const next of [
  '/..//evil.example',
  '/.//evil.example',
  '/a/../..//evil.example/x',
  '/%2e%2e//evil.example',
  '/%2E//evil.example',
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '/..\\\\evil.example',
  '/../\\evil.example',
  '/\t/evil.example',
  '/\n//evil.example',
  '\t//evil.example',
  'https://evil.example/',
  'javascript:alert(1)',
  'evil.example',
  '',
])
  test(`nextOf(${JSON.stringify(next)}) stays on the site`, () => {
    const url = new URL(nextOf(next), `${SITE}/login`)
    assert.equal(url.origin, SITE)
  })

test('nextOf() keeps the path and query of a page', () => {
  assert.equal(nextOf('/coprs/dana/a:b/?x=//y'), '/coprs/dana/a:b/?x=//y')
})

test('a login never redirects to another host', async () => {
  await using t = await openTestFrontend()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = 'username=kim&password=battery+staple&next=/..//evil.example'
  const response = await t.ask('/login', { body, headers })
  assert.equal(response.headers.get('location'), '/')
})
