import { CoprError } from '@copr/process/errors'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectChroots } from './select-chroots.ts'

const ENABLED = ['debian-12-x86_64', 'fedora-43-aarch64', 'fedora-43-x86_64']

for (const [chroots, exclude_chroots, want] of [
  [undefined, undefined, null],
  [[], [], null],
  [['fedora-*'], [], ['fedora-43-aarch64', 'fedora-43-x86_64']],
  [['*-x86_64', 'debian-12-x86_64'], [], ['debian-12-x86_64', 'fedora-43-x86_64']],
  [['fedora-4[0-9]-?????_64'], [], undefined],
  [['fedora-4[0-9]-x86_64'], [], ['fedora-43-x86_64']],
  [['fedora-4[!0-2]-x86?64'], [], ['fedora-43-x86_64']],
  [[], ['debian-*'], ['fedora-43-aarch64', 'fedora-43-x86_64']],
  [['fedora-*'], ['*-aarch64'], ['fedora-43-x86_64']],
  [['fedora.43.x86_64'], [], undefined],
  [['nope'], [], undefined],
  [[], ['*'], undefined],
  [['**********'], [], undefined],
  [['[z-a]'], [], undefined],
] as const)
  test(`selectChroots(${JSON.stringify({ chroots, exclude_chroots })}) ${want === undefined ? 'throws' : `returns ${JSON.stringify(want)}`}`, () => {
    const select = () =>
      selectChroots(ENABLED, {
        chroots: chroots && [...chroots],
        exclude_chroots: exclude_chroots && [...exclude_chroots],
      })
    if (want === undefined) assert.throws(select, CoprError)
    else assert.deepEqual(select(), want)
  })
