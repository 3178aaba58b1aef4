import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'

test('/rss/ contains the newest projects that are publicly listed, as well-formed XML', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t, { description: 'A & B <script>\u0001]]>' })
  await addTelescope(t, { name: 'hidden', unlisted_on_hp: true })
  await addTelescope(t, { name: 'soon-gone', delete_after_days: 3 })
  const response = await t.ask('/rss/')
  assert.match(response.headers.get('content-type') ?? '', /^text\/xml/)
  const text = await response.text()
  assert.match(text, /<title>dana\/telescope<\/title>/)
  assert.match(text, /<link>http:\/\/copr\.example\.org:5000\/coprs\/dana\/telescope\/<\/link>/)
  assert.match(text, /<description>A &amp; B &lt;script&gt;\]\]&gt;<\/description>/)
  assert.doesNotMatch(text, /hidden|soon-gone/)
})

test('/rss/all includes unlisted projects, and /rss/1/ contains a single project', async () => {
  await using t = await openTestFrontend()
  for (const name of ['a', 'b', 'c'])
    await addTelescope(t, { name, unlisted_on_hp: name === 'c', delete_after_days: -1 })
  const count = async (path: string) =>
    (await (await t.ask(path)).text()).match(/<item>/g)?.length ?? 0
  assert.equal(await count('/rss/all'), 3)
  assert.equal(await count('/rss/'), 2)
  assert.equal(await count('/rss/1/'), 1)
})
