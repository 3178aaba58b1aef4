import { splitChrootName } from '@copr/contract/names'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseChroot, hasMultilib } from './choose-chroot.ts'

function chroot(name: string, is_active = true) {
  const parts = splitChrootName(name)
  if (!parts) throw new Error(`${name} is not the name of a chroot`)
  return { name, ...parts, is_active }
}

const ALIASES = new Map([['epel-8', 'rhelbeta-8']])

const CASES: [
  have: string[],
  wanted: string,
  arch: string | undefined,
  found: string | undefined,
][] = [
  [['fedora-43-x86_64', 'fedora-43-i386'], 'fedora-43', 'x86_64', 'fedora-43-x86_64'],
  [['epel-10-x86_64'], 'epel-1', undefined, undefined],
  [['rhelbeta-8-x86_64'], 'epel-8', 'x86_64', 'rhelbeta-8-x86_64'],
  [['rhelbeta-8-x86_64', 'epel-8-x86_64'], 'epel-8', 'x86_64', 'epel-8-x86_64'],
  [['rhelbeta-8-x86_64'], 'epel-8', 's390x', undefined],
  [['epel-9-x86_64'], 'rocky-9.4', 'x86_64', 'epel-9-x86_64'],
  [['epel-9-x86_64', 'rocky-9-x86_64'], 'rocky-9', 'x86_64', 'rocky-9-x86_64'],
  [['centos-stream-10-x86_64'], 'epel-10', 'x86_64', 'centos-stream-10-x86_64'],
  [['rhel+epel-9-x86_64'], 'epel-9', 'x86_64', 'rhel+epel-9-x86_64'],
  [['epel-9-x86_64'], 'fedora-9', 'x86_64', undefined],
  [['epel-9-x86_64'], 'epel-10', 'x86_64', undefined],
]
for (const [have, name_release, arch, found] of CASES)
  test(`chooseChroot() returns ${found} for ${name_release} ${arch ?? ''} from ${have.join(', ')}`, () => {
    const chroots = have.map((name) => chroot(name))
    assert.equal(chooseChroot(chroots, { name_release, arch, aliases: ALIASES })?.name, found)
  })

test('chooseChroot() prefers an alias to a chroot that has reached its end of life', () => {
  const chroots = [chroot('rhelbeta-8-x86_64'), chroot('epel-8-x86_64', false)]
  const wanted = { name_release: 'epel-8', arch: 'x86_64', aliases: ALIASES }
  assert.equal(chooseChroot(chroots, wanted)?.name, 'rhelbeta-8-x86_64')
})

test('hasMultilib() requires an active 32-bit chroot of the same release', () => {
  const x86_64 = chroot('fedora-43-x86_64')
  assert.ok(hasMultilib(x86_64, [x86_64, chroot('fedora-43-i386')]))
  assert.ok(!hasMultilib(x86_64, [x86_64, chroot('fedora-42-i386')]))
  assert.ok(!hasMultilib(x86_64, [x86_64, chroot('fedora-43-i386', false)]))
})
