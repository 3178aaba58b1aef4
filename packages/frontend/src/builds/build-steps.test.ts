import { findBuild } from '@copr/domain/builds/build-queries'
import { findProject } from '@copr/domain/projects/project-queries'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addTelescope, openTestFrontend } from '../testing/test-frontend.ts'
import { finish, upload } from '../testing/test-builds.ts'
import { buildSteps } from './build-steps.ts'

test('the last step counts the chroots of a build by result', async () => {
  await using t = await openTestFrontend()
  await addTelescope(t)
  const project = await findProject(t.db, 'dana', 'telescope')
  await upload(t)
  await finish(t, 1)
  const build = await findBuild(t.db, 1)
  const [chroot] = build?.chroots ?? []
  assert.ok(project && build && chroot)
  type State = typeof chroot.state
  const lastStep = (state: typeof build.state, ...states: State[]): string => {
    const chroots = states.map((each) => ({ ...chroot, state: each }))
    const page = {
      build: { ...build, state, chroots },
      project,
      phases: [],
      steps: [],
      max_attempts: 3,
      batch_id: undefined,
      chain_id: undefined,
      rights: { build: true, edit: true, delete: true },
      packages: new Map(),
    }
    return `${buildSteps(page) as string}`.split('<li').at(-1) ?? ''
  }
  assert.match(lastStep('succeeded', 'succeeded'), /pf-m-success[^]*1 of 1 chroot done</)
  assert.match(
    lastStep('failed', 'succeeded', 'failed', 'failed'),
    /pf-m-danger[^]*1 of 3 chroots done, 2 failed</,
  )
  assert.match(
    lastStep('canceled', 'canceled', 'canceled'),
    /pf-m-warning[^]*0 of 2 chroots done, 2 canceled</,
  )
  assert.match(lastStep('running', 'running'), /pf-m-info[^]*0 of 1 chroot done</)
})
