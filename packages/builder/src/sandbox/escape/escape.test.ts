import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { machineFaults } from '../../check-machine.ts'
import { idsOfContainer } from '../id-range.ts'
import type { SandboxPhase } from '../oci-config.ts'
import { CONTROLS, type Control } from './attempts.ts'
import type { Barrier } from './barriers.ts'
import { type EscapeFixture, escapeFixture } from './testing/escape-fixture.ts'

const faults = await machineFaults()
const skip = faults.length > 0 && faults.join('; ')
/**
 * Why the control runs are skipped, if they are. In a container that has a user namespace, a sandbox without its own user namespace is
 * still in the container's.
 */
const skipControls =
  skip ||
  (idsOfContainer(readFileSync('/proc/self/uid_map', 'utf8')) !== undefined &&
    'a container has barriers of its own')
const PHASES: SandboxPhase[] = ['tools', 'root', 'build']
let fixture: EscapeFixture

before(async () => {
  if (!skip) fixture = await escapeFixture()
})
after(async () => {
  if (!skip) await fixture[Symbol.asyncDispose]()
})

function phasesOf({ phases = PHASES }: Control): SandboxPhase[] {
  return phases
}

function namesOf({ attempts, optional = [] }: Control): string[] {
  return [...attempts, ...optional]
}

for (const phase of PHASES)
  test(`a sandbox refuses every attempt to leave it: ${phase}`, { skip }, async () => {
    const names = CONTROLS.filter((one) => phasesOf(one).includes(phase)).flatMap(namesOf)
    assert.ok(names.length > 40)
    const outcomes = await fixture.inSandbox(phase, names)
    assert.deepEqual(
      outcomes.filter(({ outcome }) => outcome !== 'refused'),
      [],
    )
    assert.ok(await fixture.isUnchanged(), 'a file of the host has changed')
  })

test(
  'the device cgroup blocks access to devices even without any other barrier',
  { skip: skipControls },
  async () => {
    const names = [
      "open the host's disk",
      'open a loop device',
      'open a device: mem',
      'open a device: kmsg',
    ]
    const without: Barrier[] = ['user_namespace', 'capabilities']
    const outcomes = await fixture.inSandbox('root', names, without)
    assert.deepEqual(
      outcomes.filter(({ outcome }) => outcome === 'worked' || outcome === 'fault'),
      [],
    )
  },
)

for (const control of CONTROLS) {
  const { without, attempts } = control
  const words = without === 'sandbox' ? 'a sandbox' : without.join(', ')
  for (const phase of without === 'sandbox' ? (['build'] as const) : phasesOf(control))
    test(
      `the attempts work without ${words}: ${phase}, ${namesOf(control)[0]}`,
      { skip: skipControls },
      async (t) => {
        const names = namesOf(control)
        const outcomes =
          without === 'sandbox'
            ? await fixture.onHost(names)
            : await fixture.inSandbox(phase, names, without)
        const failed = outcomes.filter(({ outcome }) => outcome !== 'worked')
        for (const { name, why } of failed.filter((one) => !attempts.includes(one.name)))
          t.diagnostic(`Not tried, because this machine cannot: ${name} (${why})`)
        assert.deepEqual(
          failed.filter(({ name, outcome }) => attempts.includes(name) || outcome === 'fault'),
          [],
        )
      },
    )
}
