import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ScmSettings } from '@copr/contract/made-sources'
import { specOf } from '../src/testing/engine-suite.ts'
import { contentOf, runSource, skip, sourceTask, useSources } from '../src/testing/source-suite.ts'
import { type SvnServer, svnRepository, svnServer } from '../src/testing/svn-server.ts'
import { MACHINE_ADDRESS } from '@copr/testkit/system/machine-address'
import { makeFromScm } from '../src/sources/from-scm.ts'
import type { MadeTask } from '../src/sources/from-script.ts'

useSources()

const dir = await mkdtemp(join(tmpdir(), 'copr-svn-'))
let server: SvnServer | undefined

before(async () => {
  if (skip) return
  server = await svnServer(dir, MACHINE_ADDRESS ?? '')
  const tool = await svnRepository(join(dir, 'tool'))
  await tool.commit({
    'trunk/tool.spec': specOf({ name: 'tool', head: 'Source0: data.txt' }),
    'trunk/data.txt': 'first\n',
    'trunk/sub/other.spec': specOf({ name: 'other' }),
    'trunk/.copr/Makefile': `srpm:
\tsvn info --show-item revision
\trpmbuild -bs --nodeps --define "_srcrpmdir $(outdir)" --define "_sourcedir $$(pwd)" --define "dist %{nil}" $(spec)
`,
  })
  await tool.commit({
    'trunk/tool.spec': specOf({ name: 'tool', head: 'Source0: data.txt' }).replace('1.0', '1.1'),
  })
  const shared = await svnRepository(join(dir, 'shared'))
  await shared.commit({ 'data.txt': 'shared\n' })
  const external = await svnRepository(join(dir, 'external'))
  const spec = specOf({ name: 'external', head: 'Source0: data.txt' })
  await external.commit({ 'external.spec': spec, 'data.txt': '->vendor/data.txt' })
  await external.commit({}, `${server.url('shared')} vendor`)
})
after(async () => {
  await server?.[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
})

async function svn(settings: Partial<ScmSettings>) {
  const clone_url = server?.url('tool/trunk')
  const source = { type: 'scm' as const, settings: { type: 'svn', clone_url, ...settings } }
  const task = sourceTask(source) as MadeTask
  return await runSource((_, ...more) => makeFromScm(task, ...more), task)
}

for (const [title, settings, nvr] of [
  ['the newest revision', {}, 'tool-1.1-1'],
  ['a revision', { committish: '1' }, 'tool-1.0-1'],
  ['a revision with its letter', { committish: 'r1', spec: 'tool.spec' }, 'tool-1.0-1'],
  ['a subdirectory', { subdirectory: 'sub' }, 'other-1.0-1'],
  ['a spec from the top', { subdirectory: 'sub', spec: '/tool.spec' }, 'tool-1.1-1'],
  ['a makefile', { source_build_method: 'make_srpm', spec: 'tool.spec' }, 'tool-1.1-1'],
] as [string, Partial<ScmSettings>, string][])
  test(`an SRPM is made of a Subversion repository: ${title}`, { skip }, async () => {
    const { outcome, srpm, log } = await svn(settings)
    assert.equal(outcome.outcome, 'succeeded', log)
    assert.equal((await contentOf(srpm?.[1] ?? '')).nvr, nvr)
  })

test('externals of a Subversion repository are checked out', { skip }, async () => {
  const { outcome, srpm, log } = await svn({ clone_url: server?.url('external') ?? '' })
  assert.equal(outcome.outcome, 'succeeded', log)
  assert.deepEqual((await contentOf(srpm?.[1] ?? '')).files, ['data.txt', 'external.spec'])
})
