import assert from 'node:assert/strict'
import { copyFile, mkdtemp, writeFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type RpmTask, TaskRepo } from '@copr/contract/builder-protocol'
import { runOrThrow } from '@copr/process/run'
import { build, fixture, reasonOf, skip, specOf, useFixture } from '../src/testing/engine-suite.ts'

useFixture()

const streamOf = (stream: string): string => `---
document: modulemd
version: 2
data:
  name: lens
  stream: "${stream}"
  version: 1
  context: c0ffee
  arch: x86_64
  summary: Lenses
  description: Lenses.
  license:
    module: [MIT]
  artifacts:
    rpms:
      - lens-0:${stream}-1.noarch
...
`

/** Makes a repository with the module `lens`, whose streams `1` and `2` have the package `lens` in version 1 and 2. */
async function modularRepository(): Promise<TaskRepo> {
  const dir = await mkdtemp(join(fixture.dir, 'modular-'))
  for (const stream of ['1', '2']) {
    const spec = specOf({ name: 'lens' }).replace('Version: 1.0', `Version: ${stream}`)
    const made = await build(await fixture.task(spec))
    const name = `lens-${stream}-1.noarch.rpm`
    const rpm = made.context.uploads.get(name)
    assert.ok(rpm, made.context.text())
    await copyFile(rpm, join(dir, name))
  }
  await runOrThrow('createrepo_c', ['--quiet', dir])
  const modules = join(dir, 'modules.yaml')
  await writeFile(modules, streamOf('1') + streamOf('2'))
  await runOrThrow('modifyrepo_c', ['--mdtype=modules', modules, join(dir, 'repodata')])
  const baseurl = pathToFileURL(dir).href
  return TaskRepo.parse({ id: 'copr_base', name: 'Project', baseurl, is_external: false })
}

test(
  'the module streams of a chroot decide which packages a build can install',
  { skip },
  async () => {
    const repos = [await modularRepository()]
    const spec = specOf({ name: 'user', head: 'BuildRequires: lens' })
    const buildWith = async (modules: RpmTask['modules']) =>
      await build(await fixture.task(spec, { repos, modules }))
    for (const stream of ['1', '2']) {
      const { context, outcome } = await buildWith([{ action: 'enable', module: `lens:${stream}` }])
      assert.equal(outcome.outcome, 'succeeded', context.text())
      const list = gunzipSync(readFileSync(context.uploads.get('installed_pkgs.log.gz') ?? ''))
      assert.match(list.toString(), new RegExp(`^lens-${stream}-1\\.noarch `, 'm'))
    }

    const none = await buildWith([])
    assert.match(reasonOf(none.outcome), /Packages needed for the build .*lens/)
    const disabled = await buildWith([
      { action: 'enable', module: 'lens:1' },
      { action: 'disable', module: 'lens:1' },
    ])
    assert.match(reasonOf(disabled.outcome), /Packages needed for the build .*lens/)
    const unknown = await buildWith([{ action: 'enable', module: 'lens:3' }])
    assert.equal(
      reasonOf(unknown.outcome),
      'Cannot enable the module lens:3: no repository of the build has it',
      unknown.context.text(),
    )
  },
)
