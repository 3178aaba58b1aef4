import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { HostDistribution } from '@copr/demo-distro/host-distribution'
import { firstChroot } from './first-chroot.ts'
import { showProgress } from './progress.ts'

const before = process.exitCode
afterEach(() => {
  process.exitCode = before
})

async function tryOn(host: HostDistribution) {
  let output = ''
  const progress = showProgress({ write: (text: string) => (output += text) })
  const stop = new AbortController().signal
  const chroot = await firstChroot({ dir: '/dev/null/distro', progress, stop }, host)
  return { chroot, output, exitCode: process.exitCode }
}

test('on a machine for which there is no mini distribution, the system starts without a chroot, and explains how to add one', async () => {
  const reason = 'There is no mini distribution for Arch Linux: others have one'
  const { chroot, output, exitCode } = await tryOn({ kind: 'none', name: 'Arch Linux', reason })
  assert.equal(chroot, undefined)
  assert.equal(exitCode, before)
  assert.match(output, /No chroot was created: There is no mini distribution for Arch Linux/)
  assert.match(output, /npx coprctl chroot add FILE/)
})

test('if creating the chroot fails, the system starts without it, and the exit code is 1', async () => {
  const { chroot, output, exitCode } = await tryOn({
    kind: 'debian-like',
    name: 'Debian GNU/Linux 12 (bookworm)',
    id: 'debian',
    version: '12',
    arch: 'x86_64',
    chroot: 'debian-12-x86_64',
  })
  assert.equal(chroot, undefined)
  assert.equal(exitCode, 1)
  assert.match(output, /✗ mini distribution/)
  assert.match(output, /No chroot was created: /)
})
