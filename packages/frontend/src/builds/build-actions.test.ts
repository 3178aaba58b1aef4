import { STATE_NUMBER, type BuildState } from '@copr/contract/states'
import { COMMAND } from '@copr/domain/audit/actor'
import { cancelBuild, deleteBuilds } from '@copr/domain/builds/cancel'
import type { Rights } from '@copr/domain/projects/project-access'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { projectOfBuild, requireBuild } from '../api/find-or-404.ts'
import { openFixture } from '../testing/fixture.ts'
import {
  BUILD_ACTIONS,
  type BuildAction,
  buildActions,
  requireBuildAction,
  whyRefused,
} from './build-actions.ts'

const STATES = Object.keys(STATE_NUMBER) as BuildState[]
const ACTIONS = Object.keys(BUILD_ACTIONS) as BuildAction[]
const NOW = new Date('2026-11-30T12:00:00Z')

const NOBODY: Rights = { build: false, edit: false, delete: false }
const BUILDER: Rights = { ...NOBODY, build: true }
const EDITOR: Rights = { ...BUILDER, edit: true }

/** Each row has the rights, whether the project is persistent, and the allowed actions on an unfinished and on a finished build. */
const ALLOWED: [string, Rights, boolean, unfinished: string, finished: string][] = [
  ['a visitor', NOBODY, false, '', ''],
  ['a builder', BUILDER, false, 'cancel resubmit', 'resubmit'],
  ['an editor', EDITOR, false, 'cancel resubmit', 'resubmit delete'],
  ['a builder of a persistent project', BUILDER, true, 'cancel resubmit', 'resubmit'],
  ['an editor of a persistent project', EDITOR, true, 'cancel resubmit', 'resubmit'],
]

for (const [who, rights, persistent, unfinished, finished] of ALLOWED)
  for (const [phase, finished_at, wanted] of [
    ['unfinished', null, unfinished],
    ['finished', NOW, finished],
  ] as const)
    test(`the actions that ${who} may perform on a ${phase} build: ${wanted || 'none'}`, () => {
      for (const state of STATES) {
        const subject = { build: { state, finished_at }, project: { persistent }, rights }
        const allowed = ACTIONS.filter((action) => whyRefused(action, subject).length === 0)
        assert.equal(allowed.join(' '), wanted, state)
        // Pages offer no resubmission of an unfinished build, only its cancellation.
        const offered = phase === 'unfinished' ? wanted.replace(' resubmit', '') : wanted
        assert.equal(buildActions(subject).join(' '), offered, state)
      }
    })

test('whyRefused() reports a missing right and a wrong phase together', () => {
  const project = { persistent: false }
  assert.deepEqual(
    whyRefused('delete', { build: { finished_at: null }, project, rights: BUILDER }),
    ['right', 'phase'],
  )
})

test('requireBuildAction() refuses a build in the wrong phase with the same message as the domain package', async () => {
  await using fixture = await openFixture()
  const { db } = fixture.t
  const messageOf = async (refused: Promise<void>): Promise<string> =>
    await refused.then(
      () => assert.fail('nothing was refused'),
      (error: Error) => error.message,
    )
  for (const [action, id, refusal] of [
    ['cancel', fixture.finished_build, () => cancelBuild(db, COMMAND, fixture.finished_build, NOW)],
    [
      'delete',
      fixture.running_build,
      () => deleteBuilds(db, COMMAND, [fixture.running_build], NOW),
    ],
  ] as const) {
    const build = await requireBuild(db, id)
    const target = { build, project: await projectOfBuild(db, build) }
    assert.equal(
      await messageOf(requireBuildAction(db, COMMAND, action, target)),
      await messageOf(refusal()),
    )
  }
})
